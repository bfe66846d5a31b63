"""A model in a folder: weights as safetensors, and beside them the card it is rebuilt from."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from safetensors.torch import save_file

from data_registry.errors import WeightsError, describe_reason
from data_registry.storage.json_records import parse_record, refuse_unknown_keys
from train.choices import RANDOM
from train.data.preprocessing import Preprocessing
from train.models.models import Model, build_model
from train.models.state import load_exactly, read_state
from train.specs import ModelSpec

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "model.json"


@refuse_unknown_keys
@dataclass(frozen=True)
class ModelCard:
    """All that is needed to build a model again and to feed it.

    Attributes:
        spec: name, arguments, attention, head.
        class_names: in the order of the logits.
        preprocessing: the model's own, or what the spec put in its place.
    """

    spec: ModelSpec
    class_names: tuple[str, ...]
    preprocessing: Preprocessing

    def build_untrained(self) -> Model:
        """Build the model with random weights; needs neither a hub nor a weights file."""
        model = build_model(replace(self.spec, weights=RANDOM), len(self.class_names))
        return replace(model, backbone=replace(model.backbone, preprocessing=self.preprocessing))


def save_model(folder: Path, model: Model, card: ModelCard) -> None:
    """Write ``model.safetensors`` and ``model.json``, the card last.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in model.classifier.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE)
    (folder / CARD_FILE).write_text(json.dumps(asdict(card), indent=1), encoding="utf-8")


def load_model(folder: Path) -> tuple[Model, ModelCard]:
    """Load what `save_model` wrote, in evaluation mode.

    Raises:
        WeightsError: the card or the weights are missing or damaged, or do not belong together.
    """
    card = _read_card(folder / CARD_FILE)
    model = card.build_untrained()
    load_exactly(model.classifier, read_state(folder / WEIGHTS_FILE), str(folder))
    model.classifier.eval()
    return model, card


def _read_card(path: Path) -> ModelCard:
    try:
        return parse_record(ModelCard, path.read_bytes())
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a model card ({type(error).__name__}: {describe_reason(error)}). "
            "Give a folder that train.models.saved_model.save_model wrote"
        ) from error

"""Runs in the workspace: ``runs/<id>/`` with model, card, metrics and predictions."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from data_registry.errors import StorageError
from data_registry.files import FileStore
from train.backbones import Backbone
from train.decoding import ReadImage
from train.features import FloatArray, extract_features, features_of_pixels
from train.fit import Fitted
from train.fit_config import FitConfig
from train.learner import Check
from train.metrics import Metrics
from train.model_card import ModelCard, spec_from_dict
from train.models import Classifier, Model, ModelSpec, restore_weights, saved_weights
from train.preprocessing import PixelArray, Preprocessing


@dataclass(frozen=True)
class RunCard:
    """What a run was made of.

    Attributes:
        run_id: content hash of what follows and of the weights training began with.
        version: hash of the dataset version.
        arm: ``"without"``, ``"with"`` or another word for the training images used.
        spec, config: model and fitting.
        class_names: in the order of the columns of its predictions.
        preprocessing: the model's own.
        train_count, val_count, test_count: images of each split.
        parameter_count: weights of the model.
        fitted: curves, steps, seconds.
        made: its place in an ensemble, or its teacher; empty for a plain run.
    """

    run_id: str
    version: str
    arm: str
    spec: ModelSpec
    config: FitConfig
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    train_count: int
    val_count: int
    test_count: int
    parameter_count: int
    fitted: Fitted
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        card: see there.
        val, test: metrics on the two splits.
        predictions: one row an image of val and test, and of train in parts of ensembles: sha256,
            split, group, true, predicted, confidence, and a column ``p:<class>`` for each class.
    """

    card: RunCard
    val: Metrics
    test: Metrics
    predictions: pd.DataFrame = field(repr=False)

    def on_test(self) -> pd.DataFrame:
        """The predictions of the test split, by SHA-256."""
        rows = self.predictions[self.predictions["split"] == "test"]
        return rows.sort_values("sha256", ignore_index=True)


@dataclass(frozen=True)
class TrainedModel:
    """A run's model, ready to predict.

    Attributes:
        class_names: in the order of the columns of `predict`.
    """

    run_id: str
    class_names: tuple[str, ...]
    backbone: Backbone = field(repr=False)
    classifier: Classifier = field(repr=False)


def run_id_of(version: str, arm: str, spec: ModelSpec, config: FitConfig, fingerprint: str) -> str:
    """A run's name: equal inputs give the same run.

    The weights count by their content (`fingerprint`), not by the path they were read from.
    """
    facts = [version, arm, asdict(replace(spec, weights=None)), asdict(config), fingerprint]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def save_run(files: FileStore, run: Run, model: Model) -> None:
    """Write the run; its card comes last, so that a run with a card is complete."""
    folder = f"runs/{run.card.run_id}"
    files.write(f"{folder}/model.safetensors", saved_weights(model.classifier))
    buffer = io.BytesIO()
    run.predictions.to_parquet(buffer, index=False)
    files.write(f"{folder}/predictions.parquet", buffer.getvalue())
    metrics = {"val": run.val.as_dict(), "test": run.test.as_dict()}
    files.write(f"{folder}/metrics.json", _json(metrics))
    files.write(f"{folder}/card.json", _json(asdict(run.card)))


def is_finished(files: FileStore, run_id: str) -> bool:
    """Whether the run is there completely."""
    return files.exists(f"runs/{run_id}/card.json")


def read_run(files: FileStore, run_id: str) -> Run:
    """A finished run's card, metrics and predictions, without its model.

    Raises:
        StorageError: there is no such run.
    """
    if not is_finished(files, run_id):
        known = sorted({path.split("/")[1] for path in files.list("runs")})
        raise StorageError(
            f"there is no finished run {run_id!r}; runs here: {', '.join(known) or 'none'}. "
            "`ephyra train` makes one"
        )
    folder = f"runs/{run_id}"
    metrics = json.loads(files.read(f"{folder}/metrics.json"))
    return Run(
        card=_card(json.loads(files.read(f"{folder}/card.json"))),
        val=Metrics.from_dict(metrics["val"]),
        test=Metrics.from_dict(metrics["test"]),
        predictions=pd.read_parquet(io.BytesIO(files.read(f"{folder}/predictions.parquet"))),
    )


def load_run(files: FileStore, run_id: str) -> TrainedModel:
    """Rebuild a run's model with its own preprocessing.

    Raises:
        StorageError: there is no such run.
    """
    card = read_run(files, run_id).card
    model = ModelCard(card.spec, card.class_names, card.preprocessing).unfilled()
    restore_weights(model.classifier, files.read(f"runs/{run_id}/model.safetensors"))
    return TrainedModel(run_id, card.class_names, model.backbone, model.classifier.eval())


def predict(model: TrainedModel, images: Sequence[bytes]) -> FloatArray:
    """Class probabilities of encoded images.

    Returns:
        float32 (n, classes); rows add up to 1.

    Raises:
        ImageError: an image cannot be decoded.
    """
    by_place = {str(place): data for place, data in enumerate(images)}
    return predict_stored(model, list(by_place), by_place.__getitem__)


def predict_stored(model: TrainedModel, sha256s: Sequence[str], read: ReadImage) -> FloatArray:
    """The same for named images, of which few are in memory at the same time."""
    features = extract_features(model.backbone, sha256s, read)
    return probabilities_of(model.classifier, features)


def predict_pixels(model: TrainedModel, images: Sequence[PixelArray]) -> FloatArray:
    """The same for images that were prepared as the backbone's preprocessing says."""
    return probabilities_of(model.classifier, features_of_pixels(model.backbone, images))


@torch.inference_mode()
def probabilities_of(classifier: Classifier, features: FloatArray) -> FloatArray:
    """From features (n, d) to probabilities (n, classes), in float32."""
    logits = classifier.eval().classify(torch.from_numpy(features))
    probabilities: FloatArray = logits.softmax(dim=1).numpy().astype(np.float32)
    return probabilities


def _card(values: dict[str, Any]) -> RunCard:
    fitted = values["fitted"]
    history = tuple(Check(**check) for check in fitted["history"])
    return RunCard(
        **{
            **values,
            "spec": spec_from_dict(values["spec"]),
            "config": FitConfig.from_dict(values["config"]),
            "class_names": tuple(values["class_names"]),
            "preprocessing": Preprocessing.from_dict(values["preprocessing"]),
            "fitted": Fitted(**{**fitted, "history": history}),
        }
    )


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=1, default=str).encode()

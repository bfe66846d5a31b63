"""Runs in the workspace: ``runs/<id>/`` with model, card, metrics and predictions."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from data_registry.arrays import Float32Array
from data_registry.errors import StorageError
from data_registry.storage.files import FileStore
from data_registry.storage.json_records import refuse_unknown_keys
from data_registry.storage.stored_content import (
    name_damaged_file,
    read_record,
    read_rows,
)
from data_registry.text.hashes import name_by_content
from data_registry.vocabulary import Split
from train.data.decoding import ReadImage
from train.data.preprocessing import PixelArray, Preprocessing
from train.evaluation.metrics import Metrics
from train.experiments.run_variant import VariantFacts
from train.features.features import extract_features, extract_pixel_features
from train.fitting.fit import FitResult
from train.fitting.fit_config import FitConfig
from train.models.backbones import Backbone
from train.models.models import Classifier, Model, dump_weights, restore_weights
from train.models.saved_model import ModelCard
from train.specs import ModelSpec

DAMAGED_RUN = (
    "Restore it from a backup; or move the run's folder away, and `ephyra train` makes it again"
)


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
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
    fitted: FitResult
    made: VariantFacts = field(default_factory=VariantFacts)


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class RunMetrics:
    """The metrics of a run, by split."""

    val: Metrics
    test: Metrics


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

    def get_test_predictions(self) -> pd.DataFrame:
        """Select the predictions of the test split, ordered by SHA-256."""
        rows = self.predictions[self.predictions["split"] == Split.TEST]
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


def compute_run_id(
    version: str, arm: str, spec: ModelSpec, config: FitConfig, fingerprint: str
) -> str:
    """Compute a run's id: equal inputs give the same run.

    The weights count by their content (`fingerprint`), not by the path they were read from.
    """
    facts = [version, arm, asdict(replace(spec, weights=None)), asdict(config), fingerprint]
    return name_by_content(json.dumps(facts, sort_keys=True, default=str))


def save_run(files: FileStore, run: Run, model: Model) -> None:
    """Write the run; its card comes last, so that a run with a card is complete."""
    folder = f"runs/{run.card.run_id}"
    files.write(f"{folder}/model.safetensors", dump_weights(model.classifier))
    buffer = io.BytesIO()
    run.predictions.to_parquet(buffer, index=False)
    files.write(f"{folder}/predictions.parquet", buffer.getvalue())
    metrics = RunMetrics(val=run.val, test=run.test)
    files.write(f"{folder}/metrics.json", _encode_json(asdict(metrics)))
    files.write(f"{folder}/card.json", _encode_json(asdict(run.card)))


def is_finished(files: FileStore, run_id: str) -> bool:
    """Whether the run is there completely."""
    return files.exists(f"runs/{run_id}/card.json")


def read_run(files: FileStore, run_id: str) -> Run:
    """Read a finished run's card, metrics and predictions, without its model.

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
    card = read_record(files, f"{folder}/card.json", RunCard, DAMAGED_RUN)
    metrics = read_record(files, f"{folder}/metrics.json", RunMetrics, DAMAGED_RUN)
    with name_damaged_file(f"{folder}/card.json", DAMAGED_RUN):
        if card.run_id != run_id:
            raise ValueError(f"it is of run {card.run_id}")
    predictions = _read_predictions(files, folder, card.class_names)
    return Run(card, metrics.val, metrics.test, predictions)


def _read_predictions(files: FileStore, folder: str, class_names: Sequence[str]) -> pd.DataFrame:
    path, chances = f"{folder}/predictions.parquet", [f"p:{name}" for name in class_names]
    texts = ["sha256", "split", "group", "true", "predicted"]
    numbers = ["confidence", *chances]
    rows = read_rows(files, path, DAMAGED_RUN, texts=texts, numbers=numbers)
    found: pd.DataFrame = rows.to_pandas()
    return found


def restore_run(files: FileStore, run_id: str, classifier: Classifier) -> None:
    """Put a run's weights into a model of its shape.

    Raises:
        StorageError: they are missing, damaged, or another model's.
    """
    path = f"runs/{run_id}/model.safetensors"
    data = files.read(path)
    with name_damaged_file(path, DAMAGED_RUN):
        restore_weights(classifier, data)


def load_run(files: FileStore, run_id: str) -> TrainedModel:
    """Rebuild a run's model with its own preprocessing.

    Raises:
        StorageError: there is no such run.
    """
    card = read_run(files, run_id).card
    model = ModelCard(card.spec, card.class_names, card.preprocessing).build_untrained()
    restore_run(files, run_id, model.classifier)
    return TrainedModel(run_id, card.class_names, model.backbone, model.classifier.eval())


def predict(model: TrainedModel, images: Sequence[bytes]) -> Float32Array:
    """Class probabilities of encoded images.

    Returns:
        float32 (n, classes); rows add up to 1.

    Raises:
        ImageError: an image cannot be decoded.
    """
    by_place = {str(place): data for place, data in enumerate(images)}
    return predict_stored(model, list(by_place), by_place.__getitem__)


def predict_stored(model: TrainedModel, sha256s: Sequence[str], read: ReadImage) -> Float32Array:
    """Predict named images, of which few are in memory at the same time."""
    features = extract_features(model.backbone, sha256s, read)
    return compute_probabilities(model.classifier, features)


def predict_pixels(model: TrainedModel, images: Sequence[PixelArray]) -> Float32Array:
    """Predict images that were prepared by the backbone's preprocessing."""
    return compute_probabilities(model.classifier, extract_pixel_features(model.backbone, images))


@torch.inference_mode()
def compute_probabilities(classifier: Classifier, features: Float32Array) -> Float32Array:
    """From features (n, d) to probabilities (n, classes), in float32."""
    logits = classifier.eval().classify(torch.from_numpy(features))
    probabilities: Float32Array = logits.softmax(dim=1).numpy().astype(np.float32)
    return probabilities


def _encode_json(values: Any) -> bytes:
    return json.dumps(values, indent=1, default=str).encode()

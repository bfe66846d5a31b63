"""`predict`: the champion's class for files and URLs, or "none of these" by the labelling gate."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pandas as pd

from data_registry.arrays import Float64Array
from data_registry.errors import ImageError
from data_registry.progress import Progress, report_phase
from data_registry.runs.champions import require_champion
from flows.champion.champion_calibration import read_temperature
from flows.config.model_settings import build_label_settings
from flows.config.settings import build_image_limits
from flows.config.workspace import Workspace
from flows.prediction.inputs import Picture, read_images
from labeling.teacher.calibration import compute_log_probabilities, compute_probabilities
from labeling.teacher.gate import Gate, fit_gate
from labeling.teacher.labelled import load_labelled_images
from labeling.teacher.teacher_features import PoolFeatures, join_features
from train.data.decoding import map_ahead, prepare_for_models
from train.data.preprocessing import PixelArray, Preprocessing
from train.experiments.runs import load_run, predict_pixels
from train.features.features import extract_pixel_features
from train.models.backbones import load_backbone

NONE_OF_THESE = "none of these"
UNREADABLE = "unreadable"
BATCH = 256


@dataclass(frozen=True, kw_only=True)
class FilePrediction:
    """The answer to one picture.

    Attributes:
        file: its path or URL as given.
        answer: the most probable class, ``none of these`` or ``unreadable``.
        probabilities: class to the champion's probability, the most probable first.
        calibrated: whether they were made to mean frequencies, see
            `flows.champion.champion_calibration`; else they are the champion's softmax, which is
            often too sure.
        gate_distance: cosine distance to the nearest labelled image; above the gate's bound the
            answer is ``none of these``. None for a picture that cannot be read.
        trouble: why it cannot be read.
        is_class: whether `answer` is a class, which may be called like the other two answers.
    """

    file: str
    answer: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    calibrated: bool = False
    gate_distance: float | None = None
    trouble: str = ""
    is_class: bool = False

    def get_top(self, count: int) -> list[tuple[str, float]]:
        """Get the most probable classes."""
        return list(self.probabilities.items())[:count]


class Predictor:
    """The champion with its temperature and the gate, loaded once.

    Args:
        workspace: the project.
        progress: told of features that the gate still needs.

    Raises:
        InputError: no champion yet.
        WeightsError: the gate's backbone cannot be loaded.
    """

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        files = workspace.registry.files
        self.limits = build_image_limits(workspace)
        self.run_id = require_champion(workspace.registry)
        with report_phase(progress, "reading the champion", None):
            self._champion = load_run(files, self.run_id)
        self._temperature = read_temperature(files, self.run_id)
        self._gate = _LabellingGate(workspace, progress)

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it tells apart."""
        return self._champion.class_names

    @property
    def is_calibrated(self) -> bool:
        """Whether its probabilities were made to mean frequencies."""
        return self._temperature is not None

    def predict(self, pictures: Iterable[Picture]) -> list[FilePrediction]:
        """Predict images by name, in order. One that cannot be read stops nothing.

        Args:
            pictures: taken one by one; a few of them are in memory at the same time.
        """
        prepared = list(map_ahead(pictures, self._prepare, 2 * (os.cpu_count() or 1)))
        good = [item for _, item in prepared if not isinstance(item, ImageError)]
        rows = self._compute_probabilities([champion for champion, *_ in good])
        distances = self._gate.measure_distances([backbones for _, *backbones in good])
        scored = iter(zip(rows, distances, strict=True))
        return [
            FilePrediction(file=name, answer=UNREADABLE, trouble=str(item))
            if isinstance(item, ImageError)
            else self._answer(name, *next(scored))
            for name, item in prepared
        ]

    def _prepare(self, picture: Picture) -> tuple[str, list[PixelArray] | ImageError]:
        """Decode the pixels for the champion and for each of the gate's backbones."""
        name, data = picture
        if isinstance(data, ImageError):
            return name, data
        models = [self._champion.backbone.preprocessing, *self._gate.preprocessings]
        try:
            return name, prepare_for_models(data, models, self.limits)
        except ImageError as error:
            return name, error

    def _compute_probabilities(self, images: Sequence[PixelArray]) -> Float64Array:
        plain = predict_pixels(self._champion, images).astype(np.float64)
        if self._temperature is None:
            return plain
        return compute_probabilities(compute_log_probabilities(plain), self._temperature)

    def _answer(self, name: str, row: Float64Array, distance: float) -> FilePrediction:
        pairs = zip(self.class_names, (float(value) for value in row), strict=True)
        ranked = dict(sorted(pairs, key=lambda pair: -pair[1]))
        is_class = bool(distance <= self._gate.bound)
        answer = next(iter(ranked)) if is_class else NONE_OF_THESE
        return FilePrediction(
            file=name,
            answer=answer,
            probabilities=ranked,
            calibrated=self.is_calibrated,
            gate_distance=float(distance),
            is_class=is_class,
        )


def predict_all(
    workspace: Workspace, given: Sequence[str], progress: Progress
) -> list[FilePrediction]:
    """Predict files, all visible files of folders, and URLs, in order.

    Raises:
        InputError: no champion yet, a path that is not there, or folders without a file.
    """
    pictures = read_images(workspace, given)
    predictor = Predictor(workspace, progress)
    found: list[FilePrediction] = []
    with report_phase(progress, "predicting", None):
        while some := predictor.predict(islice(pictures, BATCH)):
            found += some
            progress.advance(len(some))
    return found


def build_prediction_table(predictions: Sequence[FilePrediction], count: int) -> pd.DataFrame:
    """Build one row for each image: file, answer, first classes with probabilities, and more."""
    # A file name may hold bytes that are no text, which only an object column takes.
    return pd.DataFrame(list(_iterate_rows(predictions, count)), dtype=object)


def _iterate_rows(
    predictions: Sequence[FilePrediction], count: int
) -> Iterator[Mapping[str, object]]:
    for item in predictions:
        top = [*item.get_top(count), *[("", float("nan"))] * count][:count]
        ranked = {
            key: value
            for place, (name, chance) in enumerate(top, start=1)
            for key, value in ((f"class_{place}", name), (f"probability_{place}", chance))
        }
        yield {
            "file": item.file,
            "answer": item.answer,
            "is_class": item.is_class,
            **ranked,
            "calibrated": item.calibrated,
            "gate_distance": item.gate_distance,
            "trouble": item.trouble,
        }


class _LabellingGate:
    """The labelling stage's gate, for images that are not stored."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        spec = build_label_settings(workspace).teacher
        with report_phase(progress, "reading the weights of the gate", None):
            self._backbones = [load_backbone(item) for item in spec.backbones]
        labelled = load_labelled_images(workspace.registry)
        features = PoolFeatures(workspace.registry, spec.backbones, progress)(labelled.sha256)
        self._gate: Gate = fit_gate(labelled, features, spec.gate_quantile)
        self.bound = self._gate.bound

    @property
    def preprocessings(self) -> list[Preprocessing]:
        """What each backbone expects of its pixels."""
        return [item.preprocessing for item in self._backbones]

    def measure_distances(self, images: Sequence[Sequence[PixelArray]]) -> Float64Array:
        """Measure each image's distance; its pixels are given once for each backbone."""
        parts = [
            extract_pixel_features(item, [pixels[number] for pixels in images])
            for number, item in enumerate(self._backbones)
        ]
        return self._gate.compute_distances(join_features(parts))

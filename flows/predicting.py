"""`predict`: the champion's answer to files and URLs, and "none of these" by the labelling gate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.champions import require_champion
from data_registry.errors import ImageError
from data_registry.hashing import sha256_of
from data_registry.pixels import decode
from data_registry.progress import Progress
from flows.calibrating import read_temperature
from flows.model_settings import label_settings
from flows.pictures_to_predict import pictures_to_predict
from flows.workspace import Workspace
from labeling.calibration import log_probabilities, probabilities
from labeling.features import PoolFeatures, joined
from labeling.gate import Gate, fit_gate
from labeling.labelled import labelled_images
from train.backbones import load_backbone
from train.features import extract_features
from train.runs import load_run, predict

NONE_OF_THESE = "none of these"
UNREADABLE = "unreadable"
BATCH = 256


@dataclass(frozen=True)
class FilePrediction:
    """The answer to one picture.

    Attributes:
        file: its path or URL as given.
        answer: the most probable class, ``none of these`` or ``unreadable``.
        probabilities: class to the champion's probability, the most probable first.
        calibrated: whether they were made to mean frequencies, see `flows.calibrating`; else they
            are the champion's softmax, which is often too sure.
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

    def top(self, count: int) -> list[tuple[str, float]]:
        """The most probable classes."""
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
        self.run_id = require_champion(workspace.registry)
        self._champion = load_run(files, self.run_id)
        self._temperature = read_temperature(files, self.run_id)
        self._gate = _Judge(workspace, progress)

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it tells apart."""
        return self._champion.class_names

    @property
    def is_calibrated(self) -> bool:
        """Whether its probabilities were made to mean frequencies."""
        return self._temperature is not None

    def answers(self, pictures: Sequence[tuple[str, bytes | ImageError]]) -> list[FilePrediction]:
        """Answer for pictures by name, in order. One that cannot be read stops nothing."""
        read = [(name, _checked(data)) for name, data in pictures]
        good = [data for _, data in read if isinstance(data, bytes)]
        rows = self._probabilities(good)
        distances = self._gate.distances(good)
        scored = iter(zip(rows, distances, strict=True))
        return [
            FilePrediction(name, UNREADABLE, trouble=str(data))
            if isinstance(data, ImageError)
            else self._answer(name, *next(scored))
            for name, data in read
        ]

    def _probabilities(self, images: Sequence[bytes]) -> npt.NDArray[np.float64]:
        plain = predict(self._champion, images).astype(np.float64)
        if self._temperature is None:
            return plain
        return probabilities(log_probabilities(plain), self._temperature)

    def _answer(self, name: str, row: npt.NDArray[np.float64], distance: float) -> FilePrediction:
        pairs = zip(self.class_names, (float(value) for value in row), strict=True)
        ranked = dict(sorted(pairs, key=lambda pair: -pair[1]))
        is_class = bool(distance <= self._gate.bound)
        answer = next(iter(ranked)) if is_class else NONE_OF_THESE
        return FilePrediction(
            name, answer, ranked, self.is_calibrated, float(distance), is_class=is_class
        )


def predict_all(
    workspace: Workspace, given: Sequence[str], progress: Progress
) -> list[FilePrediction]:
    """Answer for files, all visible files of folders, and URLs, in order.

    Raises:
        InputError: no champion yet, a path that is not there, or folders without a file.
    """
    pictures = pictures_to_predict(workspace, given)
    predictor = Predictor(workspace, progress)
    found: list[FilePrediction] = []
    while some := list(islice(pictures, BATCH)):
        found += predictor.answers(some)
    return found


def prediction_table(predictions: Sequence[FilePrediction], count: int) -> pd.DataFrame:
    """One row a picture: file, answer, the first classes with their probabilities, and more."""
    # A file name may hold bytes that are no text, which only an object column takes.
    return pd.DataFrame(list(_rows(predictions, count)), dtype=object)


def _rows(predictions: Sequence[FilePrediction], count: int) -> Iterator[Mapping[str, object]]:
    for item in predictions:
        top = [*item.top(count), *[("", float("nan"))] * count][:count]
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


class _Judge:
    """The labelling stage's gate, for images that are not stored."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        spec = label_settings(workspace).teacher
        self._backbones = [load_backbone(item) for item in spec.backbones]
        labelled = labelled_images(workspace.registry)
        features = PoolFeatures(workspace.registry, spec.backbones, progress)(labelled.sha256)
        self._gate: Gate = fit_gate(labelled, features, spec.gate_quantile)
        self.bound = self._gate.bound

    def distances(self, images: Sequence[bytes]) -> npt.NDArray[np.float64]:
        by_name = {sha256_of(data): data for data in images}
        features = joined(
            [extract_features(item, list(by_name), by_name.__getitem__) for item in self._backbones]
        )
        row = {name: index for index, name in enumerate(by_name)}
        order = [row[sha256_of(data)] for data in images]
        return self._gate.distances(features)[order]


def _checked(data: bytes | ImageError) -> bytes | ImageError:
    if isinstance(data, ImageError):
        return data
    try:
        decode(data)
    except ImageError as error:
        return error
    return data

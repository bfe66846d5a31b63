"""`predict`: the champion's answer to files, and "none of these" by the labelling stage's gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_registry.champions import require_champion
from data_registry.errors import ImageError, InputError
from data_registry.hashing import sha256_of
from data_registry.pixels import decode
from data_registry.progress import Progress
from flows.model_settings import label_settings
from flows.workspace import Workspace
from labeling.features import PoolFeatures, joined
from labeling.gate import Gate, fit_gate
from labeling.labelled import labelled_images
from train.backbones import load_backbone
from train.features import FloatArray, extract_features
from train.runs import load_run, predict

NONE_OF_THESE = "none of these"
UNREADABLE = "unreadable"
BATCH = 256


@dataclass(frozen=True)
class FilePrediction:
    """The answer to one file.

    Attributes:
        file: its path as given.
        answer: the most probable class, ``none of these`` or ``unreadable``.
        probabilities: class to the champion's probability (softmax; not calibrated, since
            nothing from val or test may calibrate).
        gate_distance: cosine distance to the nearest labelled image; above the gate's bound the
            answer is ``none of these``. None for a file that cannot be read.
        trouble: why it cannot be read.
    """

    file: str
    answer: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    gate_distance: float | None = None
    trouble: str = ""


def predict_files(
    workspace: Workspace, paths: Sequence[Path], progress: Progress
) -> list[FilePrediction]:
    """Answer for files and for all visible files of folders, in order. A bad file stops nothing.

    Raises:
        InputError: no champion yet, a path that is not there, or folders without a file.
    """
    champion = load_run(workspace.registry.files, require_champion(workspace.registry))
    gate = _Judge(workspace, progress)
    answers: list[FilePrediction] = []
    files = _files(paths)
    for start in range(0, len(files), BATCH):
        read = {file: _read(file) for file in files[start : start + BATCH]}
        good = {file: data for file, data in read.items() if isinstance(data, bytes)}
        rows = predict(champion, list(good.values()))
        distances = gate.distances(list(good.values()))
        scored = dict(zip(good, zip(rows, distances, strict=True), strict=True))
        for file, data in read.items():
            if isinstance(data, ImageError):
                answers.append(FilePrediction(str(file), UNREADABLE, trouble=str(data)))
            else:
                row, distance = scored[file]
                answers.append(_answer(file, champion.class_names, row, distance, gate.bound))
    return answers


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


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if _is_visible_file(path, file))
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"there is no {path}; expected image files, or folders of them")
    if not found:
        raise InputError(f"no file in {', '.join(map(str, paths))}; expected images")
    return list(dict.fromkeys(found))


def _is_visible_file(folder: Path, file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.is_file() and not hidden


def _read(file: Path) -> bytes | ImageError:
    try:
        data = file.read_bytes()
        decode(data)
    except OSError as error:
        return ImageError("unreadable_file", f"{file} cannot be read: {error.strerror}")
    except ImageError as error:
        return error
    return data


def _answer(
    file: Path, class_names: Sequence[str], row: FloatArray, distance: float, bound: float
) -> FilePrediction:
    probabilities = dict(zip(class_names, (float(value) for value in row), strict=True))
    best = max(probabilities, key=lambda name: probabilities[name])
    answer = best if distance <= bound else NONE_OF_THESE
    return FilePrediction(str(file), answer, probabilities, float(distance))

"""Real sets as features: labelled images, a pool whose truth is known, and test images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._real_sets import LITE, MOBILE, build_backbone_spec
from data_registry.arrays import Float32Array
from labeling.teacher.gate import normalise_rows
from labeling.teacher.labelled import IntArray
from train.features.features import extract_features
from train.models.backbones import load_backbone

SETS = ("caltech_open", "trash_open", "jellyfish", "pizza_steak_sushi")
WEIGHTS = {"lite0": (LITE,), "mobilenetv2": (MOBILE,), "both": (LITE, MOBILE)}
NO_CLASS = -1
_LABELLED_EACH = {"caltech_open": 20, "trash_open": 25}
_LABELLED = {"jellyfish": 100, "pizza_steak_sushi": 45}
_TEST = {"jellyfish": 120, "pizza_steak_sushi": 100}
_POOL_PART = 0.6  # of caltech_open's pool; of the rest, what shows a class is the test set
_RIGHT_QUERY = 0.85  # of the sets that have no queries of their own


@dataclass(frozen=True)
class Photographs:
    """All images of one folder.

    Attributes:
        names: n paths below the folder, sorted.
        features: by backbone, shape (n, d).
    """

    names: tuple[str, ...]
    features: dict[str, Float32Array]


@dataclass(frozen=True, kw_only=True)
class GrowthSet:
    """One draw of a set.

    Attributes:
        name: of the folder.
        class_names: k names.
        labelled, pool, test: features, shapes (l, d), (n, d), (t, d).
        labelled_classes, test_classes: shapes (l,), (t,).
        truth: shape (n,), class of each pool image, `NO_CLASS` for none of them.
        queries: shape (n,), class whose query found it, `NO_CLASS` for none.
    """

    name: str
    class_names: tuple[str, ...]
    labelled: Float32Array
    labelled_classes: IntArray
    pool: Float32Array
    truth: IntArray
    queries: IntArray
    test: Float32Array
    test_classes: IntArray


def load_photographs(shared: Path, name: str) -> Photographs:
    """Load a set's images and compute their features; augmented files are left out."""
    folder = shared / "data" / name
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in {".jpg", ".jpeg", ".png"} and not file.name.startswith("aug-")
    )
    names = [str(file.relative_to(folder)) for file in files]
    features = {
        backbone: normalise_rows(
            extract_features(
                load_backbone(build_backbone_spec(shared, backbone)),
                names,
                lambda path: (folder / path).read_bytes(),
            )
        )
        for backbone in (LITE, MOBILE)
    }
    return Photographs(tuple(names), features)


def draw_set(
    shared: Path, name: str, photographs: Photographs, weights: str, seed: int
) -> GrowthSet:
    """Draw labelled images, pool and test images; each seed draws others."""
    random = np.random.default_rng(seed)
    parts = [photographs.features[backbone] for backbone in WEIGHTS[weights]]
    features = normalise_rows(np.hstack(parts))
    if name in _LABELLED_EACH:
        return _draw_open(shared, name, photographs.names, features, random)
    return _draw_closed(name, photographs.names, features, random)


def _draw_open(
    shared: Path,
    name: str,
    names: Sequence[str],
    features: Float32Array,
    random: np.random.Generator,
) -> GrowthSet:
    index = {path: number for number, path in enumerate(names)}
    parts = [path.split("/") for path in names]
    class_names = sorted({part[-2] for part in parts if part[0] == "labelled"})
    position = {each: number for number, each in enumerate(class_names)}
    table = pd.read_csv(shared / "data" / name / "truth.csv").fillna("")
    pool = np.array([index[f"pool/{file}"] for file in table["file"]])
    truth = _find_positions(position, table["class"])
    queries = _find_positions(position, table["query"])
    teaching = [n for n, part in enumerate(parts) if part[0] == "labelled" and part[1] != "test"]
    labelled = _draw_each(
        np.array(teaching),
        _find_positions(position, (parts[n][-2] for n in teaching)),
        _LABELLED_EACH[name],
        random,
    )
    test = np.array([n for n, part in enumerate(parts) if part[:2] == ["labelled", "test"]], int)
    test_classes = _find_positions(position, (parts[n][-2] for n in test))
    if not len(test):
        order = random.permutation(len(pool))
        kept, rest = np.split(order, [int(_POOL_PART * len(order))])
        rest = rest[truth[rest] != NO_CLASS]
        test, test_classes = pool[rest], truth[rest]
        pool, truth, queries = pool[kept], truth[kept], queries[kept]
    return GrowthSet(
        name=name,
        class_names=tuple(class_names),
        labelled=features[labelled],
        labelled_classes=_find_positions(position, (parts[n][-2] for n in labelled)),
        pool=features[pool],
        truth=truth,
        queries=queries,
        test=features[test],
        test_classes=test_classes,
    )


def _draw_closed(
    name: str, names: Sequence[str], features: Float32Array, random: np.random.Generator
) -> GrowthSet:
    """Draw from a set without a pool: what is neither labelled nor test is the pool."""
    folders = [path.split("/")[-2] for path in names]
    class_names = sorted(set(folders))
    classes = _find_positions({each: n for n, each in enumerate(class_names)}, folders)
    order = random.permutation(len(names))
    labelled = np.concatenate(
        [
            order[classes[order] == number][: max(3, round(_LABELLED[name] * share))]
            for number, share in enumerate(np.bincount(classes) / len(classes))
        ]
    )
    rest = order[~np.isin(order, labelled)]
    test, pool = np.split(rest, [_TEST[name]])
    wrong = random.random(len(pool)) > _RIGHT_QUERY
    drawn = random.integers(0, len(class_names), len(pool))
    return GrowthSet(
        name=name,
        class_names=tuple(class_names),
        labelled=features[labelled],
        labelled_classes=classes[labelled],
        pool=features[pool],
        truth=classes[pool],
        queries=np.where(wrong, drawn, classes[pool]),
        test=features[test],
        test_classes=classes[test],
    )


def _draw_each(
    images: IntArray, classes: IntArray, each: int, random: np.random.Generator
) -> IntArray:
    order = random.permutation(len(images))
    return np.concatenate(
        [images[order[classes[order] == number][:each]] for number in np.unique(classes)]
    )


def _find_positions(position: dict[str, int], names: Iterable[str]) -> IntArray:
    return np.array([position.get(str(name), NO_CLASS) for name in names], dtype=np.int64)

"""The pool's truth, and the two ends of the scale: heads that do as others would, and a ceiling."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from sklearn.linear_model import LogisticRegression

from data_registry.arrays import Float32Array
from data_registry.progress import SilentProgress
from data_registry.registry import Registry
from data_registry.versions.splits import stable_random_key
from labeling.teacher.gate import normalise_rows
from labeling.teacher.labelled import load_labelled_images
from labeling.teacher.teacher_features import PoolFeatures
from train.specs import BackboneSpec

BARE, BARE_LOOSE, CEILING = "bare 0.95", "bare 0.95, C = 1000", "ceiling"
ENDS = (BARE, BARE_LOOSE, CEILING)
Ranked = tuple[str, str, float]  # image, class, chance


@dataclass(frozen=True)
class World:
    """The pool's truth, and who may be asked about what.

    Attributes:
        truth: SHA-256 to class, empty for none of them.
        queries: class to class; the folder's queries are class names.
    """

    truth: Mapping[str, str]
    queries: Mapping[str, str]

    def may_be_asked(self, seed: int) -> frozenset[str]:
        """Whether an image may be asked: a fixed random half of the pool."""
        ordered = sorted(self.truth, key=lambda name: stable_random_key(seed, name))
        return frozenset(ordered[: len(ordered) // 2])


@dataclass(frozen=True)
class LabelledSet:
    """What plain heads learn from: the imported images, and the pool's truth.

    Attributes:
        features: gives unit vectors of images.
        imported: SHA-256 to class.
        truth: of the pool.
    """

    features: Callable[[Sequence[str]], Float32Array]
    imported: Mapping[str, str]
    truth: Mapping[str, str]

    @staticmethod
    def of(registry: Registry, world: World, backbones: Sequence[BackboneSpec]) -> "LabelledSet":
        """Build from a workspace."""
        features_of = PoolFeatures(registry, backbones, SilentProgress())
        labelled = load_labelled_images(registry)
        imported = {
            name: labelled.class_names[index]
            for name, index in zip(labelled.sha256, labelled.classes.tolist(), strict=True)
            if name not in labelled.answered
        }
        return LabelledSet(lambda names: normalise_rows(features_of(names)), imported, world.truth)

    def fit_head(self, asked: Sequence[str], strength: float) -> LogisticRegression:
        """Fit logistic regression on the imported and the asked images."""
        names = [*self.imported, *asked]
        classes = [*self.imported.values(), *(self.truth[name] for name in asked)]
        return LogisticRegression(C=strength, max_iter=2000).fit(self.features(names), classes)

    def rank(self, head: LogisticRegression, names: Sequence[str]) -> list[Ranked]:
        """Rank the images whose most likely answer is a class, the most certain first."""
        chances = head.predict_proba(self.features(names))
        none = head.classes_ == ""
        chances[:, none] = 0.0
        best = chances.argmax(axis=1)
        rows = [
            (name, str(head.classes_[index]), float(row[index]))
            for name, index, row in zip(names, best, chances, strict=True)
        ]
        return sorted(rows, key=lambda row: -row[2])


def rank_by_bounds(
    registry: Registry, world: World, asked: Set[str], backbones: Sequence[BackboneSpec]
) -> dict[str, list[Ranked]]:
    """Rank by both ends of the scale: a head on labelled images only, and one on all answers."""
    labelled_set = LabelledSet.of(registry, world, backbones)
    scored = sorted(world.truth.keys() - asked)
    bare = {arm: labelled_set.fit_head((), c) for arm, c in ((BARE, 100.0), (BARE_LOOSE, 1000.0))}
    heads = {**bare, CEILING: labelled_set.fit_head(sorted(asked), 100.0)}
    return {arm: labelled_set.rank(head, scored) for arm, head in heads.items()}

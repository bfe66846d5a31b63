"""What a teacher learns from: train images with a person's class, and images of no class."""

import hashlib
import json
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.arrays import Float64Array
from data_registry.errors import InputError
from data_registry.ingest.label_conflicts import load_label_conflicts
from data_registry.labels.class_resolution import NONE_OF_THE_CLASSES, load_current_annotations
from data_registry.registry import Registry
from data_registry.text.wording import choose_verb_form, count_noun
from data_registry.versions.draft import draft_manifest
from data_registry.versions.manifest import read_manifest
from data_registry.versions.published_versions import find_newest_version
from data_registry.vocabulary import ClassOrigin, Split

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """n images of train whose class a person stated.

    Attributes:
        sha256: n names, sorted.
        classes: shape (n,), index into `class_names`.
        groups: n group names; images of one group are never on both sides of a fold.
        class_names: sorted.
        answered: those that were collected and named in the review queue. The queue picks hard
            ones, so they teach, but nothing is estimated or calibrated on them.
    """

    sha256: tuple[str, ...]
    classes: IntArray
    groups: tuple[str, ...]
    class_names: tuple[str, ...]
    answered: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.sha256)

    def select_rows(self, positions: IntArray) -> "LabelledImages":
        """Select the images at these positions; the classes stay all of them."""
        return LabelledImages(
            sha256=tuple(self.sha256[index] for index in positions),
            classes=self.classes[positions],
            groups=tuple(self.groups[index] for index in positions),
            class_names=self.class_names,
            answered=self.answered,
        )

    def exclude_images(self, held_out: Collection[str]) -> "LabelledImages":
        """Leave out these images and all that share a group with one of them."""
        gone = {g for n, g in zip(self.sha256, self.groups, strict=True) if n in held_out}
        return self.select_rows(np.flatnonzero([group not in gone for group in self.groups]))

    @property
    def can_be_folded(self) -> bool:
        """Whether each class has the two groups at least that cross-fitting takes."""
        groups: dict[int, set[str]] = {index: set() for index in range(len(self.class_names))}
        for index, group in zip(self.classes.tolist(), self.groups, strict=True):
            groups[index].add(group)
        return all(len(names) > 1 for names in groups.values())

    @property
    def weights(self) -> Float64Array:
        """Shape (n,): the images of a group, such as augmented copies, share the weight of one."""
        _, group, sizes = np.unique(self.groups, return_inverse=True, return_counts=True)
        return 1.0 / sizes[group]

    @property
    def is_unbiased_sample(self) -> BoolArray:
        """Shape (n,): whether an image was imported, and so was not picked for being hard."""
        return np.array([name not in self.answered for name in self.sha256], dtype=np.bool_)

    @property
    def digest(self) -> str:
        """SHA-256 over images, classes and groups."""
        rows = [
            self.class_names,
            *zip(self.sha256, self.classes.tolist(), self.groups, strict=True),
        ]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def load_labelled_images(registry: Registry) -> LabelledImages:
    """Load the train images with a label or an annotation; none from val, test or the machine.

    Raises:
        InputError: a class has fewer than two groups in train, so it cannot be cross-fitted.
    """
    rows = draft_manifest(registry)
    rows = rows[(rows["split"] == Split.TRAIN) & (rows["class_origin"] != ClassOrigin.DECISION)]
    rows = rows[~rows["sha256"].isin(find_withheld_answers(registry))]
    # Named after a labelled member: a group's own name changes when the pool grows.
    groups = rows.groupby("group_id")["sha256"].transform("min")
    counts = groups.groupby(rows["class_name"]).nunique().to_dict()
    _refuse_lonely_classes(counts, len(load_label_conflicts(registry)))
    class_names = tuple(sorted(rows["class_name"].unique()))
    position = {name: index for index, name in enumerate(class_names)}
    return LabelledImages(
        sha256=tuple(rows["sha256"]),
        classes=rows["class_name"].map(position).to_numpy(np.int64),
        groups=tuple(groups),
        class_names=class_names,
        answered=frozenset(rows["sha256"]) - registry.find_labelled_images(),
    )


def load_none_of_the_classes(registry: Registry) -> list[str]:
    """Load the collected images that a person called none of the classes; they teach the gate."""
    annotations = load_current_annotations(registry)
    none = set(annotations["sha256"][annotations["class_name"] == NONE_OF_THE_CLASSES])
    return sorted(none - find_withheld_answers(registry) - registry.find_labelled_images())


def find_withheld_answers(registry: Registry) -> set[str]:
    """Find the images whose audit answer no version holds yet; until then they may not teach.

    An answer that changed the teacher would end the very audit it was given for.
    """
    annotations = load_current_annotations(registry)
    audited = set(annotations["sha256"][annotations["purpose"] == "audit"])
    return audited - _find_published_answers(registry) if audited else audited


def _find_published_answers(registry: Registry) -> set[str]:
    newest = find_newest_version(registry)
    if newest is None:
        return set()
    manifest: pd.DataFrame = read_manifest(registry, newest.version_hash)
    return set(manifest["sha256"][manifest["class_origin"] == ClassOrigin.ANNOTATION])


def _refuse_lonely_classes(groups_per_class: Mapping[Hashable, int], conflicts: int) -> None:
    undecided = _describe_undecided(conflicts)
    if len(groups_per_class) < 2:
        raise InputError(
            f"train holds {count_noun(len(groups_per_class), 'class')} with labelled images; a "
            f"teacher needs at least 2. Import a labelled set with `ephyra import DIR`{undecided}"
        )
    lonely = sorted(str(name) for name, count in groups_per_class.items() if count < 2)
    if lonely:
        raise InputError(
            f"these classes have a single photo (or duplicates of a single one) in train: "
            f"{', '.join(lonely)}. A teacher is checked on photos it has not seen, so each class "
            f"needs at least 2 different ones: import more{undecided}"
        )


def _describe_undecided(conflicts: int) -> str:
    """Say how many labelled images wait for a person; empty where none does."""
    if not conflicts:
        return ""
    waits = choose_verb_form(conflicts, "waits", "wait")
    images = f"{count_noun(conflicts, 'image')} imported under several classes"
    return f". {images} {waits} for a person: `ephyra review`"

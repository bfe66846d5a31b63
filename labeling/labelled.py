"""What a teacher learns from: the images of train that people named."""

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.versions import draft_manifest

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelledImages:
    """n images of train whose class a person stated.

    Attributes:
        sha256: n names, sorted.
        classes: shape (n,), index into `class_names`.
        groups: n group names; images of one group are never on both sides of a fold.
        class_names: sorted.
    """

    sha256: tuple[str, ...]
    classes: IntArray
    groups: tuple[str, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sha256)

    def subset(self, positions: IntArray) -> "LabelledImages":
        """The images at these positions; the classes stay all of them."""
        return LabelledImages(
            sha256=tuple(self.sha256[index] for index in positions),
            classes=self.classes[positions],
            groups=tuple(self.groups[index] for index in positions),
            class_names=self.class_names,
        )

    @property
    def digest(self) -> str:
        """SHA-256 over images, classes and groups."""
        rows = [
            self.class_names,
            *zip(self.sha256, self.classes.tolist(), self.groups, strict=True),
        ]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def labelled_images(registry: Registry) -> LabelledImages:
    """Train images with a label or an annotation; nothing from val or test, nothing machine-made.

    Raises:
        InputError: a class has fewer than two groups in train, so it cannot be cross-fitted.
    """
    rows = draft_manifest(registry)
    rows = rows[(rows["split"] == "train") & (rows["class_origin"] != "decision")]
    # Named after a labelled member: a group's own name changes when the pool grows.
    groups = rows.groupby("group_id")["sha256"].transform("min")
    _refuse_lonely_classes(groups.groupby(rows["class_name"]).nunique().to_dict())
    class_names = tuple(sorted(rows["class_name"].unique()))
    position = {name: index for index, name in enumerate(class_names)}
    return LabelledImages(
        sha256=tuple(rows["sha256"]),
        classes=rows["class_name"].map(position).to_numpy(np.int64),
        groups=tuple(groups),
        class_names=class_names,
    )


def _refuse_lonely_classes(groups_per_class: Mapping[Hashable, int]) -> None:
    if len(groups_per_class) < 2:
        raise InputError(
            f"train holds {len(groups_per_class)} classes with labelled images; a teacher needs at "
            "least 2. Import a labelled set with `ephyra import DIR`"
        )
    lonely = sorted(str(name) for name, count in groups_per_class.items() if count < 2)
    if lonely:
        raise InputError(
            f"these classes have a single photo (or copies of a single one) in train: "
            f"{', '.join(lonely)}. A teacher is checked on photos it has not seen, so each class "
            "needs at least 2 different ones: import more"
        )

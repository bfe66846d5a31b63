"""The frozen data of one training: examples in splits, as a dataset version holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from data_registry.arrays import Float32Array
from data_registry.errors import InputError, RuleError
from data_registry.text.hashes import shorten_hash
from data_registry.text.wording import count_noun
from data_registry.vocabulary import Split

Labels = npt.NDArray[np.int64]
SoftLabels = Float32Array


@dataclass(frozen=True)
class Example:
    """One image with its class and its group.

    Attributes:
        sha256: the image's name.
        class_index: index of its class in `Dataset.class_names`.
        group: duplicate group; a group is never in two splits, and is resampled as a whole.
        shares: probabilities of all classes, by the teacher that named this one; empty where a
            person did.
    """

    sha256: str
    class_index: int
    group: str
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One dataset version, ready for training.

    Attributes:
        version: the version's content hash.
        class_names: in the order of the class indices.
        train, val, test: the splits. Validation stops and selects; test is read at the end.
        collected: names of those training images that were collected, not imported.

    Raises:
        InputError: a split is empty, or there are fewer than two classes.
        RuleError: a group stands in two splits, or an image outside train counts as collected.
    """

    version: str
    class_names: tuple[str, ...]
    train: tuple[Example, ...]
    val: tuple[Example, ...]
    test: tuple[Example, ...]
    collected: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_group_separation()
        strangers = self.collected - {example.sha256 for example in self.train}
        if strangers:
            raise RuleError(
                f"{len(strangers)} collected images are not in train, for example "
                f"{min(strangers)}: collected images enter train only"
            )

    def drop_collected(self) -> "Dataset":
        """Return the dataset without its collected images; val and test stay the same."""
        kept = tuple(example for example in self.train if example.sha256 not in self.collected)
        return replace(self, train=kept, collected=frozenset())

    def _check_sizes(self) -> None:
        if len(self.class_names) < 2:
            raise InputError(
                f"training needs at least 2 classes; found {', '.join(self.class_names) or 'none'}"
            )
        for name, split in (
            (Split.TRAIN, self.train),
            (Split.VAL, self.val),
            (Split.TEST, self.test),
        ):
            if not split:
                raise InputError(
                    f"the {name} split of version {shorten_hash(self.version)} is empty. Import a "
                    "labelled set with enough images of each class for train, val and test"
                )

    def _check_group_separation(self) -> None:
        train, val, test = ({e.group for e in split} for split in (self.train, self.val, self.test))
        shared = (train & val) | (train & test) | (val & test)
        if shared:
            raise RuleError(
                f"{count_noun(len(shared), 'group')} in two splits, for example {min(shared)}: "
                "a model would be tested on duplicates of its training images. Run `ephyra verify`"
            )


def collect_labels(examples: Sequence[Example]) -> Labels:
    """Collect class indices as int64 (n,)."""
    return np.array([example.class_index for example in examples], dtype=np.int64)


def collect_soft_labels(examples: Sequence[Example], class_count: int) -> SoftLabels:
    """Collect float32 (n, class_count): a teacher's probabilities, or one-hot labels."""
    rows = np.zeros((len(examples), class_count), dtype=np.float32)
    for row, example in zip(rows, examples, strict=True):
        if example.shares:
            row[:] = example.shares
        else:
            row[example.class_index] = 1.0
    return rows

"""Label issues: labels that a model which had not learnt them finds unlikely.

They are listed for a person to look at, and never changed by machine.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array


@dataclass(frozen=True, kw_only=True)
class LabelIssue:
    """A label that is probably wrong, by confident learning.

    Attributes:
        sha256: the image.
        given: the class it has.
        given_share: probability of that class, by a model that did not learn this image.
        predicted: the most probable class.
        predicted_share: its probability.
    """

    sha256: str
    given: str
    given_share: float
    predicted: str
    predicted_share: float


def find_label_issues(
    sha256s: Sequence[str],
    given: Sequence[str],
    class_names: Sequence[str],
    probabilities: Float64Array,
) -> tuple[LabelIssue, ...]:
    """Find as many labels as the noise is estimated to be, the least credible first.

    By cleanlab: Northcutt, Jiang and Chuang, "Confident learning", JAIR 70 (2021). An issue takes
    more than another class being more probable: that class must be as probable as it usually is
    where it is right, so a teacher that is weak on a class does not call all of it wrong.

    Args:
        sha256s: n names.
        given: n classes; a label of none of `class_names` cannot be judged and is passed over.
        class_names: c of them.
        probabilities: shape (n, c); row i by a model that did not learn image i.
    """
    position = {name: index for index, name in enumerate(class_names)}
    rows = np.array([row for row, name in enumerate(given) if name in position], dtype=np.int64)
    if not len(rows) or len(class_names) < 2:
        return ()
    classes = np.array([position[given[row]] for row in rows], dtype=np.int64)
    shares = probabilities[rows]
    ranked = _rank_issues(classes, shares)
    predicted = shares.argmax(axis=1)
    return tuple(
        LabelIssue(
            sha256=sha256s[rows[index]],
            given=class_names[classes[index]],
            given_share=float(shares[index, classes[index]]),
            predicted=class_names[predicted[index]],
            predicted_share=float(shares[index, predicted[index]]),
        )
        for index in ranked
        if predicted[index] != classes[index]
    )


def _rank_issues(
    classes: np.ndarray[tuple[int], np.dtype[np.int64]], shares: Float64Array
) -> list[int]:
    # Loaded where it is used, for it takes a second.
    from cleanlab import filter as cleanlab_filter

    with warnings.catch_warnings():
        # It says so of each class with very few images.
        warnings.filterwarnings("ignore", message="May not flag all label issues")
        rows = cleanlab_filter.find_label_issues(
            classes, shares, return_indices_ranked_by="normalized_margin", n_jobs=1
        )
    return [int(row) for row in rows]

"""A classifier's accuracy on this set, with and without duplicates across splits or folds.

The classifier is a linear head on frozen features, quick enough to be fitted dozens of times. All
figures use the same images and the same method; only the division into train and test differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_registry.arrays import Float32Array, Float64Array
from data_registry.ingest.labelled_set import SMALLEST_CLASS
from data_registry.vocabulary import Split
from labeling.label_issues import LabelIssue, find_label_issues
from labeling.teacher.calibration import (
    compute_log_probabilities,
    compute_probabilities,
    fit_temperature,
)
from train.evaluation.intervals import Interval, compute_accuracy_interval

FOLDS = 5
_LEARNT = (Split.TRAIN, "")

Classes = npt.NDArray[np.int64]
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """An accuracy, measured in one way.

    Attributes:
        interval: 95 %, over groups.
        images: how many it was measured on.
        groups: their duplicate groups, the independent observations.
    """

    interval: Interval
    images: int
    groups: int


@dataclass(frozen=True)
class DoubtfulFile(LabelIssue):
    """A label that looks wrong to a model that never saw the image or its duplicates.

    Shares are calibrated: of the labels with a share of 10 %, about one in ten is right.

    Attributes:
        path: of its first file.
        group_size: images in its duplicate group, which it represents.
    """

    path: str
    group_size: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The accuracies of a linear head on the backbone's features, and the labels it doubts.

    Attributes:
        random: cross-validation within train (or all, without splits), with folds of single
            images, as most scripts split.
        grouped: the same with folds of whole duplicate groups.
        given: trained on train, measured on val and test as they are; None without splits.
        given_without_leaks: the same without the training images that have a duplicate in val or
            test.
        doubtful: labels, the most doubtful first, one of each duplicate group; val and test are
            judged by a model trained without those images.
    """

    random: Accuracy
    grouped: Accuracy
    given: Accuracy | None
    given_without_leaks: Accuracy | None
    doubtful: tuple[DoubtfulFile, ...]


def measure(files: pd.DataFrame, features_of: Mapping[str, Float32Array]) -> Measured | None:
    """Fit and measure; images with two classes are left out.

    Args:
        files: from `flows.folder_audit.folder_duplicates.load_files`.
        features_of: a vector for every image, by SHA-256.

    Returns:
        None where train has fewer than two classes of enough different images.
    """
    images = _select_usable(files)
    if images[images["split"].isin(_LEARNT)]["class_name"].nunique() < SMALLEST_CLASS:
        return None
    probe = Probe(images, np.stack([features_of[name] for name in images["sha256"]]))
    learnt = images["split"].isin(_LEARNT).to_numpy(bool)
    train, held_out = np.flatnonzero(learnt), np.flatnonzero(~learnt)
    clean = train[~images["group_id"].isin(set(images["group_id"][~learnt])).to_numpy(bool)[train]]
    shares = np.zeros((len(images), len(probe.class_names)))
    shares[train] = probe.predict_out_of_fold(train, images["group_id"])
    random = probe.predict_out_of_fold(train, images["sha256"])
    given = given_without_leaks = None
    judged = train
    if len(held_out):
        given = probe.measure_accuracy(held_out, probe.predict(train, held_out))
        if probe.count_classes(clean) >= SMALLEST_CLASS:  # else all of train is duplicated
            shares[held_out] = probe.predict(clean, held_out)
            given_without_leaks = probe.measure_accuracy(held_out, shares[held_out])
            judged = np.arange(len(images))
    return Measured(
        random=probe.measure_accuracy(train, random),
        grouped=probe.measure_accuracy(train, shares[train]),
        given=given,
        given_without_leaks=given_without_leaks,
        doubtful=probe.find_doubtful_files(judged, shares[judged]),
    )


def _select_usable(files: pd.DataFrame) -> pd.DataFrame:
    """Select one row for each image of one class, of classes large enough to cross-validate."""
    classes = files.groupby("sha256")["class_name"].transform("nunique")
    # an image in two splits counts as held out
    ranked = files[classes == 1].assign(learnt=files["split"].isin(_LEARNT))
    images = ranked.sort_values(["learnt", "path"]).drop_duplicates("sha256")
    images = images.sort_values("sha256").drop(columns="learnt")
    groups = images[images["split"].isin(_LEARNT)].groupby("class_name")["group_id"].nunique()
    enough = set(groups.index[groups >= SMALLEST_CLASS])
    return images[images["class_name"].isin(enough)].reset_index(drop=True)


class Probe:
    """A linear head on standardised features, fitted as often as needed.

    Args:
        images: n rows of `_select_usable`.
        features: shape (n, d).
    """

    def __init__(self, images: pd.DataFrame, features: Float32Array) -> None:
        self._images = images
        self._features = features
        names, classes = np.unique(images["class_name"].to_numpy(object), return_inverse=True)
        self.class_names: list[str] = names.tolist()
        self._classes = classes.astype(np.int64)

    def predict(self, learning: RowNumbers, asked: RowNumbers) -> Float64Array:
        """Predict the asked rows after fitting on others: class shares, one row each."""
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(self._features[learning], self._classes[learning])
        shares = np.zeros((len(asked), len(self.class_names)))
        shares[:, model.classes_] = model.predict_proba(self._features[asked])
        return shares

    def predict_out_of_fold(self, rows: RowNumbers, units: "pd.Series[str]") -> Float64Array:
        """Predict each row with a model that was fitted without its fold.

        Args:
            rows: to cross-validate.
            units: of every image, the unit that stays in one fold: the image or its group.
        """
        classes, whole = self._classes[rows], units.iloc[rows].to_numpy(object)
        least = pd.Series(whole).groupby(classes).nunique().min()
        folds = StratifiedGroupKFold(max(2, min(FOLDS, least)), shuffle=True, random_state=0)
        shares = np.zeros((len(rows), len(self.class_names)))
        for learning, held_out in folds.split(rows, classes, whole):
            shares[held_out] = self.predict(rows[learning], rows[held_out])
        return shares

    def measure_accuracy(self, rows: RowNumbers, shares: Float64Array) -> Accuracy:
        """Measure the accuracy of predictions of these rows."""
        groups = self._images["group_id"].to_numpy(object)[rows]
        right = shares.argmax(axis=1) == self._classes[rows]
        return Accuracy(compute_accuracy_interval(right, groups), len(rows), len(set(groups)))

    def count_classes(self, rows: RowNumbers) -> int:
        """Count the classes of the rows."""
        return len(set(self._classes[rows].tolist()))

    def find_doubtful_files(
        self, rows: RowNumbers, shares: Float64Array
    ) -> tuple[DoubtfulFile, ...]:
        """Find labels that look wrong (see `labeling.label_issues`), the worst of each group.

        Args:
            rows: to judge.
            shares: predictions of the rows, out of fold. They decide as they are which labels are
                doubtful; the reported shares are calibrated.
        """
        images = self._images.iloc[rows].set_index("sha256")
        sizes = images["group_id"].map(images["group_id"].value_counts())
        logits = compute_log_probabilities(shares)
        temperature = fit_temperature(logits, self._classes[rows], 1 / sizes.to_numpy(float))
        calibrated = dict(
            zip(images.index, compute_probabilities(logits, temperature), strict=True)
        )
        given = images["class_name"].tolist()
        worst: dict[str, LabelIssue] = {}
        for label in find_label_issues(images.index.tolist(), given, self.class_names, shares):
            worst.setdefault(images["group_id"][label.sha256], label)
        return tuple(
            DoubtfulFile(
                sha256=label.sha256,
                given=label.given,
                given_share=float(calibrated[label.sha256][self._get_class_index(label.given)]),
                predicted=label.predicted,
                predicted_share=float(
                    calibrated[label.sha256][self._get_class_index(label.predicted)]
                ),
                path=images["path"][label.sha256],
                group_size=int(sizes[label.sha256]),
            )
            for label in worst.values()
        )

    def _get_class_index(self, class_name: str) -> int:
        return self.class_names.index(class_name)

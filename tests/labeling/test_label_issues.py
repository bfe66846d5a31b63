"""Suspicious labels are found out of fold, listed, and changed by nobody but a person."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from labelled_pictures import TINTS, Bay, jpeg, settings

from data_registry.images.hashing import compute_sha256
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.registry import Registry
from data_registry.storage import schema
from labeling.label_issues import find_label_issues
from labeling.rounds.label import label_pool

CLASSES = ("a", "b", "c", "d")


def planted(
    seed: int, wrong: int, sharpness: float = 4.0
) -> tuple[list[str], list[str], np.ndarray, set[str]]:
    """Names, labels, out-of-fold probabilities, and whose labels were changed."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(4), 40)
    logits = random.normal(size=(160, 4)) + sharpness * np.eye(4)[truth]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    changed = random.choice(160, wrong, replace=False)
    labels = truth.copy()
    labels[changed] = (truth[changed] + random.integers(1, 4, wrong)) % 4
    names = [f"{number:064d}" for number in range(160)]
    return names, [CLASSES[k] for k in labels], shares, {names[k] for k in changed}


def test_planted_mistakes_are_found_and_little_else() -> None:
    hits = alarms = 0
    for seed in range(20):
        names, labels, shares, changed = planted(seed, wrong=12)
        found = {label.sha256 for label in find_label_issues(names, labels, CLASSES, shares)}
        hits += len(found & changed)
        alarms += len(found - changed)
    assert hits >= 0.7 * 20 * 12
    assert alarms <= 20


def test_the_worst_stands_first_and_each_names_both_classes() -> None:
    names, labels, shares, _ = planted(0, 12)
    found = find_label_issues(names, labels, CLASSES, shares)
    ahead = [label.predicted_share - label.given_share for label in found]
    assert ahead == sorted(ahead, reverse=True)
    assert min(ahead) > 0
    assert all(label.given != label.predicted for label in found)
    row = names.index(found[0].sha256)
    assert found[0].given == labels[row]
    assert found[0].given_share == pytest.approx(shares[row, CLASSES.index(labels[row])])


def test_nothing_to_judge() -> None:
    empty = np.zeros((0, 2))
    assert find_label_issues([], [], ("a", "b"), empty) == ()
    assert find_label_issues(["x"], ["zebra"], ("a", "b"), np.array([[0.9, 0.1]])) == ()
    one_class = find_label_issues(["x", "y"], ["a", "a"], ("a", "b"), np.array([[0.9, 0.1]] * 2))
    assert one_class == ()


def labels_of(registry: Registry) -> list[tuple[object, ...]]:
    return sorted(map(tuple, registry.database.rows(sa.select(schema.label))))


def test_a_wrong_label_is_listed_and_stays_until_a_person_speaks(bay: Bay, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "train" / "red").mkdir(parents=True)
    wrong = jpeg("blue", 77)
    (folder / "train" / "red" / "wrong.jpg").write_bytes(wrong)
    bay.label(folder)
    before = labels_of(bay.registry)
    summary = label_pool(bay.registry, settings())
    first = summary.doubtful[0]
    assert (first.sha256, first.given, first.predicted) == (compute_sha256(wrong), "red", "blue")
    assert len(summary.doubtful) <= 2
    assert labels_of(bay.registry) == before
    assert set(summary.accepted) <= set(TINTS)
    # A person says that it is red all the same: it is not held against them a second time.
    record_annotations(
        bay.registry,
        [
            Annotation(
                sha256=first.sha256, class_name="red", person="ada", purpose="review", note=""
            )
        ],
    )
    again = label_pool(bay.registry, settings())
    assert first.sha256 not in {label.sha256 for label in again.doubtful}

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_pictures import labelled

from data_registry.errors import InputError
from labeling.teacher.cross_fitting_folds import split_group_folds
from labeling.teacher.labelled import LabelledImages


@st.composite
def labelled_sets(draw: st.DrawFn) -> LabelledImages:
    """Draw groups of one class or of several, each class with at least two groups."""
    class_count = draw(st.integers(2, 5))
    pairs: list[tuple[int, str]] = []
    for class_index in range(class_count):
        names = st.sampled_from([f"group {number}" for number in range(12)])
        groups = draw(st.lists(names, min_size=2, max_size=20).filter(lambda g: len(set(g)) > 1))
        pairs += [(class_index, group) for group in groups]
    pairs = draw(st.permutations(pairs))
    return labelled([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def folds_of(images: LabelledImages, folds: int, seed: int) -> list[tuple[set[str], set[str]]]:
    """Image names on the learning and on the held-out side."""
    return [
        ({images.sha256[i] for i in learning}, {images.sha256[i] for i in held_out})
        for learning, held_out in split_group_folds(images, folds, seed)
    ]


@settings(max_examples=40)
@given(labelled_sets(), st.integers(2, 7), st.integers(0, 3))
def test_no_group_is_on_both_sides(images: LabelledImages, folds: int, seed: int) -> None:
    for learning, held_out in split_group_folds(images, folds, seed):
        assert not {images.groups[i] for i in learning} & {images.groups[i] for i in held_out}


@settings(max_examples=40)
@given(labelled_sets(), st.integers(2, 7), st.integers(0, 3))
def test_every_class_is_on_the_learning_side(images: LabelledImages, folds: int, seed: int) -> None:
    for learning, _ in split_group_folds(images, folds, seed):
        assert set(images.classes[learning]) == set(images.classes)


@settings(max_examples=40)
@given(labelled_sets(), st.integers(2, 7), st.integers(0, 3))
def test_every_image_is_held_out_once(images: LabelledImages, folds: int, seed: int) -> None:
    held_out = [side for _, side in split_group_folds(images, folds, seed)]
    assert all(len(side) for side in held_out)
    assert sorted(itertools.chain(*held_out)) == list(range(len(images)))


@settings(max_examples=40)
@given(labelled_sets(), st.integers(2, 7), st.randoms())
def test_the_order_of_images_does_not_matter(
    images: LabelledImages, folds: int, random: Random
) -> None:
    order = list(range(len(images)))
    random.shuffle(order)
    shuffled = images.select_rows(np.array(order))
    assert folds_of(shuffled, folds, 0) == folds_of(images, folds, 0)


def test_another_seed_deals_differently() -> None:
    images = labelled([0, 1] * 20, [f"group {number}" for number in range(40)])
    assert folds_of(images, 5, 0) == folds_of(images, 5, 0)
    assert folds_of(images, 5, 0) != folds_of(images, 5, 1)


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(2, 9), st.integers(2, 6))
def test_folds_are_of_one_size(class_count: int, per_class: int, folds: int) -> None:
    classes = np.repeat(np.arange(class_count), per_class)
    images = labelled(list(classes), [f"group {number}" for number in range(len(classes))])
    sizes = [len(held_out) for _, held_out in split_group_folds(images, folds, 0)]
    assert max(sizes) - min(sizes) <= 1


def test_a_class_of_two_photos_does_not_take_folds_from_the_others() -> None:
    images = labelled([0] * 20 + [1] * 2, [f"group {number}" for number in range(22)])
    assert len(folds_of(images, 5, 0)) == 5


def test_a_class_whose_groups_all_hold_other_classes_too_is_still_split() -> None:
    # Class 1 consists of groups 0 and 2, which class 0 would have dealt into one fold of two.
    images = labelled([0, 0, 0, 0, 1, 1], ["0", "1", "2", "3", "0", "2"])
    for seed in range(20):
        for learning, _ in split_group_folds(images, 2, seed):
            assert set(images.classes[learning]) == {0, 1}


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(InputError, match="folds = 1: expected at least 2"):
        next(split_group_folds(labelled([0, 0], ["a", "b"]), 1, 0))

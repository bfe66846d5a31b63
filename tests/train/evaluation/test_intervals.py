import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from train.evaluation.conclusions import (
    BETTER,
    CANNOT_TELL,
    NOT_REACHED,
    REACHED,
    WORSE,
    describe_difference,
    judge_difference,
    judge_goal,
    list_size_warnings,
)
from train.evaluation.intervals import (
    compute_accuracy_interval,
    compute_exact_interval,
    compute_paired_difference,
    compute_wilson_interval,
)
from train.evaluation.power import compute_detection_limit

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_proportion_intervals_equal_scipy_s(count: tuple[int, int]) -> None:
    successes, trials = count
    for ours, method in ((compute_wilson_interval, "wilson"), (compute_exact_interval, "exact")):
        interval = ours(successes, trials)
        theirs = binomtest(successes, trials).proportion_ci(method=method)
        assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_a_proportion_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        compute_wilson_interval(0, 0)
    with pytest.raises(ValueError, match="5 of 4"):
        compute_exact_interval(5, 4)


arms = st.tuples(st.integers(1, 4), st.integers(5, 40), st.integers(0, 2**32 - 1))


@settings(max_examples=25, deadline=None)
@given(arms)
def test_the_difference_turns_its_sign_with_the_arms(shape: tuple[int, int, int]) -> None:
    runs, count, seed = shape
    random = np.random.default_rng(seed)
    one, two = random.random((2, runs, count)) < 0.7
    groups = random.integers(0, count, count)
    there, back = (
        compute_paired_difference(one, two, groups),
        compute_paired_difference(two, one, groups),
    )
    assert there.interval.estimate == pytest.approx(-back.interval.estimate)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=0.02)
    assert there.interval.low <= there.interval.estimate <= there.interval.high
    assert there.p_value == pytest.approx(back.p_value, abs=0.02)
    assert {judge_difference(there), judge_difference(back)} in ({BETTER, WORSE}, {CANNOT_TELL})


@settings(max_examples=25, deadline=None)
@given(arms)
def test_an_accuracy_s_interval_holds_it_and_is_no_shorter_than_wilson(
    shape: tuple[int, int, int],
) -> None:
    runs, count, seed = shape
    random = np.random.default_rng(seed)
    correct = random.random((runs, count)) < 0.9
    interval = compute_accuracy_interval(correct, np.arange(count))
    bound = compute_wilson_interval(interval.estimate * count, count)
    assert interval.low <= bound.low <= interval.estimate <= bound.high <= interval.high


def test_all_right_on_few_images_is_not_certain() -> None:
    interval = compute_accuracy_interval(np.ones(10, dtype=bool), np.arange(10))
    assert interval.high == 1
    assert interval.low == pytest.approx(compute_wilson_interval(10, 10).low)


def test_copies_of_a_test_image_add_no_evidence() -> None:
    random = np.random.default_rng(0)
    correct = random.random(40) < 0.8
    alone = compute_accuracy_interval(correct, np.arange(40))
    copied = compute_accuracy_interval(np.repeat(correct, 10), np.repeat(np.arange(40), 10))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, abs=0.03)
    assert copied.high - copied.low > 2 * (
        compute_wilson_interval(320, 400).high - compute_wilson_interval(320, 400).low
    )


def one_sided(count: int, differences: int) -> tuple[np.ndarray, np.ndarray]:
    before = np.zeros((1, count), dtype=bool)
    after = before.copy()
    after[0, :differences] = True
    return before, after


@pytest.mark.parametrize(
    ("differences", "answer"), [(0, CANNOT_TELL), (5, CANNOT_TELL), (6, BETTER)]
)
def test_forty_images_need_six_one_sided_differences(differences: int, answer: str) -> None:
    before, after = one_sided(40, differences)
    difference = compute_paired_difference(after, before, np.arange(40))
    assert difference.different_groups == differences
    assert judge_difference(difference) == answer
    opposite = compute_paired_difference(before, after, np.arange(40))
    assert judge_difference(opposite) == {BETTER: WORSE}.get(answer, answer)


def test_six_differences_in_one_group_are_one_difference() -> None:
    before, after = one_sided(40, 6)
    groups = np.maximum(np.arange(40) - 5, 0)
    difference = compute_paired_difference(after, before, groups)
    assert difference.different_groups == 1
    assert judge_difference(difference) == CANNOT_TELL


def test_arms_that_are_alike_are_seldom_called_different() -> None:
    random = np.random.default_rng(1)
    calls = 0
    for _ in range(80):
        hard = random.random(60) < 0.5
        one, two = (random.random((3, 60)) < np.where(hard, 0.6, 0.95) for _ in range(2))
        calls += judge_difference(compute_paired_difference(one, two, np.arange(60))) != CANNOT_TELL
    assert calls <= 8  # 5 % of 80 are 4; more than 8 has a chance of 2 %


def test_unpaired_arms_are_refused() -> None:
    before, after = one_sided(10, 2)
    with pytest.raises(ValueError, match="paired"):
        compute_paired_difference(after, before[:, :9], np.arange(10))


@pytest.mark.parametrize(
    ("right", "answer"), [(158, REACHED), (139, CANNOT_TELL), (110, NOT_REACHED)]
)
def test_a_goal_is_judged_by_its_interval(right: int, answer: str) -> None:
    correct = np.arange(160) < right
    goal = judge_goal(0.85, compute_accuracy_interval(correct, np.arange(160)), 160)
    assert goal.answer == answer
    assert answer in goal.sentence
    assert "on 160 images" in goal.sentence


def test_the_sentence_counts_images() -> None:
    before, after = one_sided(160, 12)
    words = describe_difference(compute_paired_difference(after, before, np.arange(160)), 160, 1)
    assert words.startswith("12 of 160 test images more, difference 7.5 points, 95 % interval 3.")
    words = describe_difference(compute_paired_difference(before, after, np.arange(160)), 160, 3)
    assert words.startswith("12 of 160 test images fewer, difference -7.5 points")
    assert words.endswith("mean of 3 seeds")


def test_a_small_test_set_is_warned_about() -> None:
    (warning,) = list_size_warnings(compute_detection_limit(40, 40))
    assert "40 test images cannot show less than 20 points; at least 120 more are" in warning
    assert "needed to show 5" in warning
    assert list_size_warnings(compute_detection_limit(200, 200)) == ()


@pytest.mark.parametrize(
    ("differences", "images", "words"),
    [
        ([12, 12, 12], 160, "12 of 160 test images more, difference 7.5"),
        ([1, 0, 0], 40, "less than 1 of 40 test images more, difference 0.8"),
        ([2, 1, 1], 40, "about 1 of 40 test images more, difference 3.3"),
        ([0, 0, 0], 40, "as many of 40 test images right, difference 0.0"),
    ],
)
def test_the_sentence_counts_whole_images(differences: list[int], images: int, words: str) -> None:
    before = np.zeros((len(differences), images), dtype=bool)
    after = np.stack([np.arange(images) < count for count in differences])
    difference = compute_paired_difference(after, before, np.arange(images))
    assert describe_difference(difference, images, len(differences)).startswith(words)

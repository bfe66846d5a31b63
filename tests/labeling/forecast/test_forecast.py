"""Learning curves and what they forecast, against planted truth."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_pictures import TINY, Bay, labelled

from data_registry.progress import SilentProgress
from labeling.forecast.forecast import ANSWERS, IMAGES, WORTH, build_forecast, forecast
from labeling.forecast.learning_curve import PARTS, SEEDS, LearningCurve, measure_learning_curve
from labeling.forecast.power_law import fit_power_laws
from labeling.teacher.labelled import LabelledImages
from labeling.teacher.teacher_spec import TeacherSpec


def planted(
    random: np.random.Generator, count: int, floor: float, scale: float, exponent: float
) -> LearningCurve:
    """Images that are wrong as a power law says, the hard ones at every size and seed alike."""
    sizes = 0.8 * count * np.array(PARTS)
    errors = floor + scale * sizes**-exponent
    hard, luck = random.random(count), random.normal(0, 0.03, (len(SEEDS), 1, count))
    wrong = hard[None, None, :] + luck < errors[None, :, None]
    classes = np.arange(count) % 2
    groups = tuple(str(number) for number in range(count))
    known = np.array([count / 2, count / 2])
    halves = np.stack([sizes / 2, sizes / 2], axis=1)
    return LearningCurve(
        wrong=wrong,
        sizes=halves,
        classes=classes,
        groups=groups,
        weights=np.ones(count),
        class_names=("a", "b"),
        known=known,
    )


def test_the_interval_holds_what_more_answers_bring() -> None:
    random = np.random.default_rng(0)
    floor, scale, exponent, count = 0.02, 2.0, 0.6, 300
    truth = scale * (count**-exponent - (count + ANSWERS) ** -exponent)
    found = [build_forecast(planted(random, count, floor, scale, exponent)) for _ in range(40)]
    held = [item.answers.low <= truth <= item.answers.high for item in found]
    assert np.mean(held) >= 0.85
    assert np.mean([item.answers.gain for item in found]) == pytest.approx(truth, abs=0.25 * truth)
    assert all(item.answers.low <= item.answers.gain <= item.answers.high + 1e-9 for item in found)


def test_where_nothing_is_left_to_learn_it_says_stop() -> None:
    random = np.random.default_rng(1)
    flat = build_forecast(planted(random, 600, 0.2, 0.0, 1.0))
    assert flat.advice.startswith(("stop", "hardly"))
    assert flat.worth_it_for == 0
    assert flat.answers.gain < WORTH
    steep = build_forecast(planted(random, 100, 0.0, 4.0, 0.7))
    assert steep.advice.startswith("go on")
    assert steep.worth_it_for >= ANSWERS
    assert steep.answers.gain > WORTH


def test_without_an_error_the_interval_is_what_so_few_images_leave_open() -> None:
    curve = planted(np.random.default_rng(0), 60, 0.0, 0.0, 1.0)
    perfect = LearningCurve(**{**vars(curve), "wrong": np.zeros_like(curve.wrong)})
    gain = build_forecast(perfect).answers
    assert (gain.gain, gain.accuracy) == (0, 1)
    assert gain.high == pytest.approx(0.06, abs=0.01)


def test_each_class_has_its_own_forecast() -> None:
    curve = planted(np.random.default_rng(3), 200, 0.01, 3.0, 0.7)
    wrong = curve.wrong & (curve.classes == 1)  # the first class is known already
    found = build_forecast(LearningCurve(**{**vars(curve), "wrong": wrong}))
    assert [gain.class_name for gain in found.classes] == ["b", "a"]
    assert found.classes[0].more == IMAGES
    assert found.classes[0].gain > found.classes[1].gain == 0
    assert found.classes[0].now == 100


@given(
    st.floats(0, 0.3),
    st.floats(0.1, 3),
    st.sampled_from([0.2, 0.5, 0.8, 1.1]),
    st.integers(20, 900),
)
def test_a_power_law_is_found_again(floor: float, scale: float, exponent: float, size: int) -> None:
    sizes = size * np.array(PARTS)
    errors = floor + scale * sizes**-exponent
    law = fit_power_laws(sizes, errors[None, :])
    assert law.predict_error(2.0 * size)[0] == pytest.approx(
        floor + scale * (2.0 * size) ** -exponent, abs=1e-6
    )


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_more_images_never_harm(errors: list[float]) -> None:
    law = fit_power_laws(100 * np.array(PARTS), np.array([errors]))
    later = [law.predict_error(size)[0] for size in (20, 50, 100, 200, 1000)]
    assert all(later[k] >= later[k + 1] - 1e-12 for k in range(4))
    assert later[-1] >= 0


def blobs(count: int) -> tuple[LabelledImages, np.ndarray]:
    """Three classes; each photo with one augmented copy in its group."""
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(count) % 3, 2)
    points = np.eye(3, 12)[classes[::2]] + random.normal(0, 0.5, (count, 12))
    copies = np.repeat(points, 2, axis=0) + random.normal(0, 0.01, (2 * count, 12))
    groups = [str(number // 2) for number in range(2 * count)]
    return labelled(classes.tolist(), groups), copies.astype(np.float32)


def test_a_curve_grows_counts_copies_once_and_is_found_again() -> None:
    images, features = blobs(60)
    curve = measure_learning_curve(images, features, SilentProgress())
    assert curve is not None
    assert curve.wrong.shape == (len(SEEDS), len(PARTS), 120)
    assert curve.known.tolist() == [20, 20, 20]
    totals = curve.sizes.sum(axis=1)
    assert (np.diff(totals) > 0).all()
    assert totals[-1] == pytest.approx(0.8 * 60)
    assert curve.wrong[:, 0].mean() > curve.wrong[:, -1].mean()
    # A group is on one side of each fold, so a copy never gives its own answer away.
    assert curve.wrong[:, -1].mean() > 0.05
    again = measure_learning_curve(images, features, SilentProgress())
    assert again is not None
    assert np.array_equal(again.wrong, curve.wrong)


def test_queue_answers_teach_and_are_not_measured() -> None:
    images, features = blobs(40)
    asked = frozenset(images.sha256[:10])
    with_answers = LabelledImages(**{**vars(images), "answered": asked})
    curve = measure_learning_curve(with_answers, features, SilentProgress())
    assert curve is not None
    assert curve.wrong.shape[2] == 70
    assert curve.sizes[-1].sum() == pytest.approx(0.8 * 40)


def test_too_few_images_forecast_nothing(bay: Bay, tmp_path: Path) -> None:
    bay.label(tmp_path / "set")
    assert forecast(bay.registry, TeacherSpec(TINY), SilentProgress()) is None

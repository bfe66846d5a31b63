"""The forecast: what further answers or images are likely to bring, and when to stop."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_registry.arrays import Float64Array
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.text.wording import count_noun
from labeling.forecast.learning_curve import LearningCurve, measure_learning_curve
from labeling.forecast.power_law import fit_power_laws
from labeling.teacher.labelled import BoolArray, load_labelled_images
from labeling.teacher.teacher_features import PoolFeatures
from labeling.teacher.teacher_spec import TeacherSpec
from train.evaluation.intervals import compute_exact_interval

ANSWERS = 50
IMAGES = 200
WORTH = 0.005  # of accuracy: ANSWERS that bring less are not worth a person's time
DRAWS = 500  # of the bootstrap
_FAR = 100 * ANSWERS  # beyond this nobody plans


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What more labelled images are likely to bring.

    Attributes:
        class_name: they are of this class, and accuracy is on its images; empty: of all classes,
            as they are spread now.
        now: labelled images there are; copies count as one.
        more: further ones.
        accuracy: now, by the fitted curve.
        gain: of accuracy.
        low, high: 95 % interval of the fitted curve's gain, by a bootstrap over groups and seeds.
            The real gain lies outside more often: which images teach varies too, and the curve
            may go on otherwise.
    """

    class_name: str
    now: int
    more: int
    accuracy: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """One size of a learning curve.

    Attributes:
        images: learnt from; copies count as one.
        accuracy: out of fold, with its 95 % interval.
    """

    images: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """See `Gain`.

    Attributes:
        points: what was measured.
        answers: what the next answers bring.
        classes: what more images of each class bring, the largest gain first.
        worth_it_for: answers after which the next ones bring less than `WORTH`; 0: now.
        advice: when to stop, in words.
        images, groups: that it rests on.
    """

    points: tuple[Point, ...]
    answers: Gain
    classes: tuple[Gain, ...]
    worth_it_for: int
    advice: str
    images: int
    groups: int


def forecast(registry: Registry, spec: TeacherSpec, progress: Progress) -> Forecast | None:
    """Forecast from the labelled images and their features; only features are written.

    Returns:
        None where too few images are labelled.

    Raises:
        InputError: too few labelled images for a teacher.
        WeightsError: a backbone cannot be loaded.
    """
    labelled = load_labelled_images(registry)
    features = PoolFeatures(registry, spec.backbones, progress)(labelled.sha256)
    curve = measure_learning_curve(labelled, features, progress)
    return None if curve is None else build_forecast(curve)


def build_forecast(curve: LearningCurve) -> Forecast:
    """Build the forecast that a learning curve leads to."""
    everything = np.ones(len(curve.classes), dtype=np.bool_)
    resampled = _ResampledCurve(curve, everything, curve.sizes.sum(axis=1))
    now = float(curve.known.sum())
    answers = resampled.estimate_gain("", now, ANSWERS)
    worth_it_for = _count_worthwhile_answers(resampled.law, now)
    each = [_forecast_class(curve, index) for index in range(len(curve.class_names))]
    gains = [gain for gain in each if gain is not None]
    return Forecast(
        points=resampled.build_points(),
        answers=answers,
        classes=tuple(sorted(gains, key=lambda gain: (-gain.gain, gain.class_name))),
        worth_it_for=worth_it_for,
        advice=_format_advice(answers, worth_it_for, len(curve.classes)),
        images=len(curve.classes),
        groups=len(set(curve.groups)),
    )


def _forecast_class(curve: LearningCurve, index: int) -> Gain | None:
    shown = curve.classes == index
    if not shown.any():
        return None
    resampled = _ResampledCurve(curve, shown, curve.sizes[:, index])
    return resampled.estimate_gain(curve.class_names[index], float(curve.known[index]), IMAGES)


class _ResampledCurve:
    """Errors on some of the images, as they are (first row) and as a bootstrap draws them."""

    def __init__(self, curve: LearningCurve, shown: BoolArray, sizes: Float64Array) -> None:
        self._sizes = sizes
        self._errors = _resample_errors(curve, shown)
        self._laws = fit_power_laws(sizes, self._errors)
        self._images = len({curve.groups[row] for row in np.flatnonzero(shown)})
        self.law: Callable[[float], float] = lambda size: float(self._laws.predict_error(size)[0])

    def estimate_gain(self, class_name: str, now: float, more: int) -> Gain:
        gains = self._laws.predict_error(now) - self._laws.predict_error(now + more)
        low, high = np.quantile(gains[1:], (0.025, 0.975))
        if not self._errors[0].any():
            # Nothing was wrong: all that more images can bring is what so few could not show.
            high = compute_exact_interval(0, self._images, 0.95).high
        accuracy = 1 - self.law(now)
        return Gain(
            class_name=class_name,
            now=round(now),
            more=more,
            accuracy=accuracy,
            gain=float(gains[0]),
            low=float(low),
            high=float(high),
        )

    def build_points(self) -> tuple[Point, ...]:
        right = 1 - self._errors
        low, high = np.quantile(right[1:], (0.025, 0.975), axis=0)
        rows = zip(self._sizes, right[0], low, high, strict=True)
        return tuple(Point(*map(float, row)) for row in rows)


def _resample_errors(curve: LearningCurve, shown: BoolArray) -> Float64Array:
    """Resample groups and seeds; shape (1 + draws, sizes). Duplicates stay together."""
    random = np.random.default_rng(0)
    wrong, weights = curve.wrong[:, :, shown].astype(np.float64), curve.weights[shown]
    names, group = np.unique(np.array(curve.groups)[shown], return_inverse=True)
    seeds, sizes, _ = wrong.shape
    times = random.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    of_seed = random.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
    times = np.vstack([np.ones(len(names), dtype=times.dtype), times])
    of_seed = np.vstack([np.full(seeds, 1 / seeds), of_seed])
    mass = times[:, group] * weights
    errors = (mass @ wrong.reshape(seeds * sizes, -1).T).reshape(-1, seeds, sizes)
    mean: Float64Array = np.einsum("dst,ds->dt", errors, of_seed) / mass.sum(axis=1)[:, None]
    return mean


def _count_worthwhile_answers(error: Callable[[float], float], now: float) -> int:
    """Count the answers, in steps of `ANSWERS`, for which each step brings at least `WORTH`."""
    for given in range(0, _FAR, ANSWERS):
        if error(now + given) - error(now + given + ANSWERS) < WORTH:
            return given
    return _FAR


def _format_advice(answers: Gain, worth_it_for: int, images: int) -> str:
    gain = (
        f"the next {answers.more} answers are likely to bring {100 * answers.gain:+.1f} points of "
        f"accuracy on the classes ({100 * answers.low:.1f} to {100 * answers.high:.1f} by the "
        f"fitted curve, measured on {count_noun(images, 'image')}; what the answers really bring "
        "varies more)"
    )
    if worth_it_for:
        return f"go on: {gain}; after about {worth_it_for} they bring less than half a point"
    if answers.high < WORTH:
        return f"stop: {gain}, less than half a point"
    return f"hardly worth it: {gain}, probably less than half a point"

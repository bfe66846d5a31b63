"""Answers in words, each with the images and the interval it rests on."""

from dataclasses import dataclass

from data_registry.text.wording import count_noun
from train.evaluation.intervals import Difference, Interval
from train.evaluation.power import DetectionLimit, describe_seed_share
from train.evaluation.variance_parts import CONFIDENCE

BETTER = "better"
WORSE = "worse"
REACHED = "reached"
NOT_REACHED = "not reached"
CANNOT_TELL = "cannot tell"

_ROUNDING = 1e-6  # of counts that are sums of shares


@dataclass(frozen=True)
class Goal:
    """Whether an accuracy that was asked for is there.

    Attributes:
        target: accuracy asked for, 0-1.
        answer: ``"reached"``, ``"not reached"`` or ``"cannot tell"``.
        accuracy: what was measured.
        image_count: test images it rests on.
    """

    target: float
    answer: str
    accuracy: Interval
    image_count: int

    @property
    def sentence(self) -> str:
        """The answer with its numbers."""
        return (
            f"Goal of {100 * self.target:.0f} % test accuracy: {self.answer} "
            f"({format_accuracy(self.accuracy)} on {count_noun(self.image_count, 'image')})"
        )


def judge_goal(target: float, accuracy: Interval, image_count: int) -> Goal:
    """Reached only if the whole interval lies at or above the target."""
    answer = CANNOT_TELL
    if accuracy.low >= target:
        answer = REACHED
    elif accuracy.high < target:
        answer = NOT_REACHED
    return Goal(target, answer, accuracy, image_count)


def judge_difference(difference: Difference, confidence: float = CONFIDENCE) -> str:
    """Better or worse only where the interval leaves 0 out and an exact test agrees.

    The interval knows of the seeds, the exact test of few differences: five images more out of 40,
    none less, leave 0 out of the interval, while chance does as much in one case of 16.

    Args:
        difference: with its interval.
        confidence: of that interval; the exact test is held to the same.
    """
    if difference.p_value < 1 - confidence:
        if difference.interval.low > 0:
            return BETTER
        if difference.interval.high < 0:
            return WORSE
    return CANNOT_TELL


def describe_difference(
    difference: Difference, image_count: int, seed_count: int, images: str = "test images"
) -> str:
    """For example "12 of 160 test images more, difference 7.5 points, …" and the interval."""
    interval = difference.interval
    low, high = (_format_points(value) for value in (interval.low, interval.high))
    return (
        f"{_describe_change(interval.estimate * image_count, image_count, images)}, difference "
        f"{_format_points(interval.estimate)} points, 95 % interval {low} to {high}"
        + (f", mean of {seed_count} seeds" if seed_count > 1 else "")
        + _format_seed_share(difference.parts.seed_share)
    )


def _format_seed_share(share: float) -> str:
    return f", which cause {100 * share:.0f} % of the uncertainty" if share >= 0.01 else ""


def _describe_change(changed: float, image_count: int, images: str) -> str:
    """Whole images, as nobody has seen three tenths of one: the mean of seeds may lie between."""
    count, direction = round(abs(changed)), "fewer" if changed < 0 else "more"
    if abs(changed) < _ROUNDING:
        return f"as many of {image_count:,} {images} right"
    if abs(changed) < 1 - _ROUNDING:
        return f"less than 1 of {image_count:,} {images} {direction}"
    about = "" if abs(abs(changed) - count) < _ROUNDING else "about "
    return f"{about}{count:,} of {image_count:,} {images} {direction}"


def list_size_warnings(settling: DetectionLimit) -> tuple[str, ...]:
    """Warn of what the test set is too small for, or of seeds that vary too much, if so."""
    if not settling.is_small:
        if settling.seeds_advised is None:
            return ()
        return (f"{describe_seed_share(settling.seed_share, settling.seeds_advised)}.",)
    images = count_noun(settling.image_count, "image")
    groups = count_noun(settling.group_count, "group")
    return (f"The test set is small: {images} in {groups}. {settling.sentence}.",)


def format_accuracy(accuracy: Interval) -> str:
    """For example "84.2 %, 95 % interval 78.0 to 89.1"."""
    values = (accuracy.estimate, accuracy.low, accuracy.high)
    estimate, low, high = (f"{100 * value:.1f}" for value in values)
    return f"{estimate} %, 95 % interval {low} to {high}"


def format_difference(difference: Difference) -> str:
    """Format a difference: "-3.3 points (95 % interval -11.8 to 5.8)"."""
    interval = difference.interval
    values = (interval.estimate, interval.low, interval.high)
    estimate, low, high = (_format_points(value) for value in values)
    return f"{estimate} points (95 % interval {low} to {high})"


def _format_points(share: float) -> str:
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text

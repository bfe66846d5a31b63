"""What a report's reader must not conclude from it."""

from collections.abc import Sequence
from typing import Protocol

from data_registry.text.wording import count_noun
from train.evaluation.calibration_test import check_calibration
from train.evaluation.conclusions import CANNOT_TELL, list_size_warnings
from train.evaluation.power import compute_detection_limit
from train.experiments.arms import Comparison
from train.experiments.runs import Run

_FEW_IMAGES = 20  # fewer give a class an interval wider than 35 points
_OVERCONFIDENT = 0.1


class Origin(Protocol):
    """Counts of one class's training images."""

    @property
    def decision(self) -> int:
        """Images whose class a machine gave."""


def list_caveats(
    result: Comparison | Run, run: Run, origins: Sequence[Origin], model_count: int = 1
) -> list[str]:
    """Sentences, the most important first.

    Args:
        result: what the page reports on.
        run: the run whose details it shows.
        origins: of the training images, by class.
        model_count: lines of its table of models.
    """
    found = list(result.warnings if isinstance(result, Comparison) else list_test_set_caveats(run))
    if isinstance(result, Comparison) and result.answer == CANNOT_TELL:
        found.append(
            "“Cannot tell” does not mean “no difference”: every difference within the interval "
            "is still possible."
        )
    if sum(origin.decision for origin in origins):
        found.append(
            "The test set contains no pseudo-labels, so its accuracy does not measure how many "
            "pseudo-labels are correct. Only an audit by a person can certify that."
        )
    if model_count > 1:
        found.append(
            f"The best of {model_count} models on a test set looks better than it is, because "
            "chance contributes to its rank. The champion is not chosen from this table, but on "
            "validation images or on held-out folds of the training images."
        )
    found.append(
        f"All test images ({run.test.image_count:,}) come from the imported set. Photos of another "
        "kind (other cameras, places or seasons) may be harder, and the test set contains no "
        "images of unknown classes."
    )
    return found + _warn_about_classes(run) + _warn_about_confidence(run)


def list_test_set_caveats(run: Run) -> tuple[str, ...]:
    """List what a run's test set is too small for."""
    return list_size_warnings(
        compute_detection_limit(run.test.image_count, run.get_test_predictions()["group"].nunique())
    )


def _warn_about_classes(run: Run) -> list[str]:
    few = [c.name for c in run.test.classes if c.support < _FEW_IMAGES]
    if not few:
        return []
    which = "Every class" if len(few) == len(run.test.classes) else ", ".join(few)
    have = "has" if len(few) == 1 or which == "Every class" else "have"
    return [
        f"{which} {have} fewer than {_FEW_IMAGES} test images: scores of single classes are "
        "unreliable, and their order may be due to chance."
    ]


def _warn_about_confidence(run: Run) -> list[str]:
    found = check_calibration(run.get_test_predictions())
    if found.error < _OVERCONFIDENT or not found.is_off:
        return []
    return [
        f"The model's confidence is not its accuracy: the two differ by {100 * found.error:.0f} "
        f"points on average, and chance alone would make at most {100 * found.by_chance:.0f} of "
        f"them on {count_noun(run.test.image_count, 'image')}."
    ]

"""Machine-made classes that never saw a fold: what its own teacher accepts of the pool."""

from collections.abc import Collection

from data_registry.labels.decisions import Prediction
from data_registry.progress import Progress, SilentProgress
from data_registry.registry import Registry
from data_registry.vocabulary import Verdict
from labeling.rounds.label import decide
from labeling.rounds.label_settings import LabelSettings
from labeling.rounds.round import gather_round_without


def predict_fold_labels(
    registry: Registry,
    settings: LabelSettings,
    held_out: Collection[str],
    progress: Progress | None = None,
) -> dict[str, Prediction]:
    """Predict the pool images that would be accepted had nobody named these images.

    Teacher, calibration, gate, estimates and bounds are made again from the labelled images outside
    the held-out ones' groups. Nothing is recorded.

    Args:
        registry: what is known.
        settings: how the pool is labelled.
        held_out: SHA-256 of the images that are judged without a word of theirs.
        progress: told of features and fine-tuning.

    Returns:
        What the teacher says of each, by SHA-256. Empty where too few images are left for a
        teacher, as labelling itself would then refuse.

    Raises:
        WeightsError: a backbone cannot be loaded.
    """
    current = gather_round_without(registry, settings, held_out, progress or SilentProgress())
    if current is None:
        return {}
    decisions = decide(current, settings)
    accepted = [item.sha256 for item in decisions if item.verdict == Verdict.ACCEPTED]
    return {name: current.predictions[name] for name in accepted}

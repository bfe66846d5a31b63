"""A model card in words: what a run is for, what it was trained on, and how far to trust it.

The sections follow M. Mitchell et al. (2019), FAT*, limited to what was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_registry.text.printable import make_printable
from data_registry.text.wording import count_noun
from train.evaluation.calibration_test import check_calibration
from train.evaluation.conclusions import NOT_REACHED, REACHED, Goal, format_accuracy
from train.evaluation.intervals import (
    Interval,
    compute_accuracy_interval,
    compute_wilson_interval,
)
from train.evaluation.metrics import ClassScores
from train.evaluation.power import compute_detection_limit
from train.evaluation.risk_coverage import compute_risk_coverage
from train.experiments.runs import Run
from train.reports.cost import Cost

_SHOWN = 4  # classes, or pairs of them, that a sentence names
_FEW_ERRORS = 0.05
_POOR_CONFIDENCE = 0.1
_OVERFITTED = 0.15
_FEW_PHOTOS = 50


@dataclass(frozen=True)
class Section:
    """One heading of the card with its sentences."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """The data that a card is written from.

    Attributes:
        project, version: names.
        run: the model.
        accuracy: on test, with its interval.
        goal: the project's goal and whether it is reached, or None.
        cost: see `train.reports.cost`.
        per_class: training images by class.
        machine_labelled: training images that the teacher model labelled.
        audit: the audit of these labels, in words.
        certified: their precision by an audit; None where none certified any.
        licences: images by licence; the empty name stands for no stated licence.
    """

    project: str
    version: str
    run: Run = field(repr=False)
    accuracy: Interval
    goal: Goal | None
    cost: Cost
    per_class: Mapping[str, int]
    machine_labelled: int
    audit: str
    certified: float | None
    licences: Mapping[str, int]


def build_card_sections(facts: CardFacts) -> tuple[Section, ...]:
    """Build the sections of a run's card."""
    return (
        Section("Intended use", tuple(_describe_use(facts))),
        Section("Data and licences", tuple(_describe_data(facts))),
        Section("Training cost", tuple(_describe_cost(facts))),
        Section("Strengths", tuple(_describe_strengths(facts))),
        Section("Weak classes", tuple(_describe_weaknesses(facts))),
        Section("What would help next", tuple(_suggest_next_steps(facts))),
        Section("Fit for a product?", tuple(_judge_fitness(facts))),
    )


def format_card(facts: CardFacts) -> str:
    """Format the card as Markdown."""
    card = facts.run.card
    lines = [f"# Model card: {facts.project}, {card.spec.name}", ""]
    lines += [f"Run `{card.run_id}` on version {facts.version} (`{card.version}`).", ""]
    for section in build_card_sections(facts):
        lines += [f"## {section.title}", "", *(f"- {line}" for line in section.lines), ""]
    return make_printable("\n".join(lines))


def _describe_use(facts: CardFacts) -> Iterator[str]:
    names = facts.run.card.class_names
    yield f"Classifies photos into {count_noun(len(names), 'class')}: {_join_names(names, 40)}."
    yield "Intended for photos like those of the imported set: same subjects, cameras and places."
    yield (
        "The model always predicts one of its classes. `ephyra predict` adds a gate, which answers "
        "“none of these” for images unlike all labelled ones. Without the gate, use the model only "
        "on photos of its classes."
    )
    yield "Not intended for decisions that affect health, safety or rights."


def _describe_data(facts: CardFacts) -> Iterator[str]:
    card = facts.run.card
    yield (
        f"Version {facts.version}: {card.train_count:,} training, {card.val_count:,} validation "
        f"and {card.test_count:,} test images. No group of duplicates is in two of these splits."
    )
    yield (
        f"A teacher model labelled {count_noun(facts.machine_labelled, 'training image')} "
        f"({facts.audit})."
        if facts.machine_labelled
        else "All labels come from people or from the imported set."
    )
    for licence, count in sorted(facts.licences.items(), key=lambda pair: -pair[1]):
        yield f"Licence {licence or 'not stated'}: {count_noun(count, 'image')}."
    if facts.licences.get("", 0):
        yield (
            "For images without a stated licence, ask a lawyer whether a model trained on them may "
            "be distributed. `ephyra export` writes the attribution."
        )


def _describe_cost(facts: CardFacts) -> Iterator[str]:
    cost, card = facts.cost, facts.run.card
    yield (
        f"Training took {cost.train_seconds:,.1f} s: {card.fitted.steps:,} steps of "
        f"{card.config.batch_size} images, {cost.train_images_per_second:,.0f} images/s."
    )
    yield (
        f"{cost.parameters / 1e6:,.2f} million parameters, {cost.macs / 1e6:,.0f} million "
        f"multiply-accumulate operations for an image of {card.preprocessing.height} x "
        f"{card.preprocessing.width} pixels, {cost.bytes_on_disk / 1e6:,.1f} MB on disk."
    )
    yield (
        f"{cost.milliseconds:,.1f} ms for one image, {cost.images_per_second:,.0f} images/s in "
        f"batches ({cost.device}; the model alone, without decoding)."
    )


def _describe_strengths(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    images = count_noun(run.test.image_count, "test image")
    yield f"Accuracy {format_accuracy(facts.accuracy)} on {images}."
    for k, share in run.test.top_k:
        yield f"The true class is among the first {k} predictions for {100 * share:.1f} %."
    rows = run.get_test_predictions()
    curve = compute_risk_coverage(rows["confidence"], rows["true"] == rows["predicted"])
    coverage, confidence = curve.find_coverage(_FEW_ERRORS)
    if coverage:
        answered = rows[rows["confidence"] >= confidence]
        right = (answered["true"] == answered["predicted"]).to_numpy()
        precision = compute_accuracy_interval(right, answered["group"].to_numpy())
        yield (
            f"At a confidence threshold of {100 * confidence:.0f} %, it answers "
            f"{100 * coverage:.0f} % of the test images, and at most {100 * _FEW_ERRORS:.0f} % of "
            f"these answers are wrong (right: {format_accuracy(precision)}). The threshold was "
            "chosen on these images, so it looks better than it is. Choose the threshold for use "
            "on other images."
        )
    best = sorted(_select_present(run), key=lambda item: -_compute_recall(item).low)[:_SHOWN]
    yield f"Highest recall: {'; '.join(_format_recall(item) for item in best)}."


def _describe_weaknesses(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    worst = sorted(_select_present(run), key=lambda item: _compute_recall(item).high)[:_SHOWN]
    worst = [item for item in worst if item.recall < 1]
    if not worst:
        images = count_noun(run.test.image_count, "test image")
        yield f"No errors on {images}, too few to find weak classes."
        return
    yield f"Lowest recall: {'; '.join(_format_recall(item) for item in worst)}."
    for true, predicted, count in _find_confusions(run):
        yield f"{true} is predicted as {predicted}: {count_noun(count, 'test image')}."


def _suggest_next_steps(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    scarce = [name for name, count in facts.per_class.items() if count < _FEW_PHOTOS]
    if scarce:
        yield (
            f"More photos of {_join_names(scarce)}: each has fewer than {_FEW_PHOTOS} for training "
            "(`ephyra collect`, then `ephyra review`)."
        )
    for true, predicted, _ in _find_confusions(run)[:1]:
        yield (
            f"Photos that show the difference between {true} and {predicted}; look at the wrong "
            "predictions first."
        )
    if facts.machine_labelled and facts.certified is None:
        yield "An audit of the machine-made classes: `ephyra review --audit 59`."
    if _compute_gap(run) > _OVERFITTED:
        yield (
            f"Less overfitting: training accuracy is {100 * _compute_gap(run):.0f} points above "
            "validation accuracy. Try more augmentation, a frozen backbone or a smaller model."
        )
    is_off = check_calibration(run.get_test_predictions()).is_off
    if is_off and run.test.calibration_error > _POOR_CONFIDENCE:
        yield (
            f"Better calibration: confidence is off by {100 * run.test.calibration_error:.0f} "
            "points on average. `ephyra predict` shows calibrated probabilities."
        )
    groups = run.get_test_predictions()["group"].nunique()
    seen = compute_detection_limit(run.test.image_count, groups)
    if seen.is_small:
        yield f"More test images: {seen.sentence}."


def _judge_fitness(facts: CardFacts) -> Iterator[str]:
    goal, cost = facts.goal, facts.cost
    if goal is None:
        yield "The project states no goal ([goal] accuracy), so fitness cannot be judged."
    elif goal.answer == REACHED:
        yield f"{goal.sentence}. The accuracy is sufficient for photos like the tested ones."
    elif goal.answer == NOT_REACHED:
        yield f"{goal.sentence}. Not fit yet: use it to sort photos, and let a person decide."
    else:
        yield f"{goal.sentence}. Undecided: treat it as not fit until it is tested on more images."
    if facts.machine_labelled and facts.certified is None:
        yield "Machine-made training labels were never audited: do not ship it before an audit."
    elif facts.machine_labelled:
        yield f"An audit certifies that at least {facts.certified:.3f} of these labels are right."
    if facts.licences.get("", 0):
        yield "Some training images have no stated licence: ask before you distribute the model."
    yield (
        f"A prediction takes {cost.milliseconds:,.1f} ms on this {cost.device.upper()}; the model "
        f"needs {cost.bytes_on_disk / 1e6:,.1f} MB."
    )
    yield (
        "Before release: test it on photos of its users, monitor how often it answers “none of "
        "these”, and provide a way to correct it."
    )


def _select_present(run: Run) -> list[ClassScores]:
    return [item for item in run.test.classes if item.support]


def _compute_recall(item: ClassScores) -> Interval:
    return compute_wilson_interval(round(item.recall * item.support), item.support)


def _format_recall(item: ClassScores) -> str:
    return f"{item.name} {round(item.recall * item.support)} of {item.support}"


def _find_confusions(run: Run) -> list[tuple[str, str, int]]:
    """Find the most frequent mistakes: (true, predicted, images), at least two images each."""
    counts = np.array(run.test.confusion)
    np.fill_diagonal(counts, 0)
    names = [item.name for item in run.test.classes]
    indices = np.argsort(-counts, axis=None, kind="stable")[:_SHOWN]
    pairs = [tuple(int(k) for k in np.unravel_index(index, counts.shape)) for index in indices]
    return [(names[i], names[j], int(counts[i, j])) for i, j in pairs if counts[i, j] > 1]


def _compute_gap(run: Run) -> float:
    """Compute training accuracy less validation accuracy, at the check that was kept."""
    fitted = run.card.fitted
    kept = next(check for check in fitted.history if check.step == fitted.best_step)
    return kept.train_accuracy - kept.val_accuracy


def _join_names(names: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

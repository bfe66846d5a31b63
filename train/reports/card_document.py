"""A model card in words: what a run is for, what it was made of, and how far to trust it.

Sections after M. Mitchell et al. (2019), FAT*, cut to what can be said from what was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_registry.text.printable import make_printable
from data_registry.text.wording import count_noun
from train.evaluation.calibration_test import check_calibration
from train.evaluation.conclusions import NOT_REACHED, REACHED, Goal, format_accuracy
from train.evaluation.intervals import Interval, compute_wilson_interval
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
    """What a card is written from.

    Attributes:
        project, version: names.
        run: the model.
        accuracy: on test, with its interval.
        goal: what the project wanted, or None.
        cost: see there.
        per_class: training images by class.
        machine_labelled: training images whose class a machine gave.
        audit: what is known of those classes, in words.
        licences: images by licence, empty for none stated.
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
    yield f"Tells photos of {count_noun(len(names), 'class')} apart: {_join_names(names, 40)}."
    yield "Made for photos like those of the imported set: same subjects, cameras and places."
    yield (
        "It always names one of its classes. `ephyra predict` asks a gate beside it, which says "
        "“none of these” to what is unlike everything labelled; without that gate it must not be "
        "shown photos of anything else."
    )
    yield "Not made for decisions on which anybody's health, safety or rights depend."


def _describe_data(facts: CardFacts) -> Iterator[str]:
    card = facts.run.card
    yield (
        f"{card.train_count:,} training, {card.val_count:,} validation and {card.test_count:,} "
        f"test images of version {facts.version}; no group of copies stands in two of them."
    )
    taught = facts.machine_labelled
    yield (
        f"Classes from a machine: {count_noun(taught, 'training image')} ({facts.audit})."
        if taught
        else "Every class in it was given by a person or with the imported set."
    )
    for licence, count in sorted(facts.licences.items(), key=lambda item: -item[1]):
        yield f"Licence {licence or 'not stated'}: {count_noun(count, 'image')}."
    if facts.licences.get("", 0):
        yield (
            "Where no licence is stated, whether a model that learnt from the image may be passed "
            "on is a question for a lawyer. `ephyra export` writes the attribution."
        )


def _describe_cost(facts: CardFacts) -> Iterator[str]:
    cost, card = facts.cost, facts.run.card
    yield (
        f"Fitted in {cost.train_seconds:,.1f} s: {card.fitted.steps:,} steps of "
        f"{card.config.batch_size} images, {cost.train_images_per_second:,.0f} images/s."
    )
    yield (
        f"{cost.parameters / 1e6:,.2f} million weights, {cost.macs / 1e6:,.0f} million "
        f"multiply-accumulates an image of {card.preprocessing.height} by "
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
        yield f"The true class is among its first {k} for {100 * share:.1f} % of them."
    rows = run.get_test_predictions()
    curve = compute_risk_coverage(rows["confidence"], rows["true"] == rows["predicted"])
    coverage, confidence = curve.find_coverage(_FEW_ERRORS)
    if coverage:
        yield (
            f"If it answers only where it is at least {100 * confidence:.0f} % sure, it answers "
            f"{100 * coverage:.0f} % of the test images, at most {100 * _FEW_ERRORS:.0f} % of "
            "those wrong. (A threshold for use must be chosen on other images than these.)"
        )
    best = sorted(_select_present(run), key=lambda item: -_compute_recall(item).low)[:_SHOWN]
    yield f"Surest classes by recall: {'; '.join(_format_recall(item) for item in best)}."


def _describe_weaknesses(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    worst = sorted(_select_present(run), key=lambda item: _compute_recall(item).high)[:_SHOWN]
    worst = [item for item in worst if item.recall < 1]
    if not worst:
        images = count_noun(run.test.image_count, "test image")
        yield f"No error among {images}: too few to find one."
        return
    yield f"Lowest recall: {'; '.join(_format_recall(item) for item in worst)}."
    for true, predicted, count in _find_confusions(run):
        yield f"{true} is taken for {predicted}: {count_noun(count, 'test image')}."


def _suggest_next_steps(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    scarce = [name for name, count in facts.per_class.items() if count < _FEW_PHOTOS]
    if scarce:
        yield (
            f"More photos of {_join_names(scarce)}: fewer than {_FEW_PHOTOS} taught each "
            "(`ephyra collect`, then `ephyra review`)."
        )
    for true, predicted, _ in _find_confusions(run)[:1]:
        yield f"Photos that show what tells {true} from {predicted}; look at the wrong ones first."
    if facts.machine_labelled and "certified" not in facts.audit:
        yield "An audit of the machine-made classes: `ephyra review --audit 59`."
    if _compute_gap(run) > _OVERFITTED:
        yield (
            f"Less over-fitting: {100 * _compute_gap(run):.0f} points lie between training and "
            "validation accuracy. More augmentation, a frozen body, or fewer weights."
        )
    is_off = check_calibration(run.get_test_predictions()).is_off
    if is_off and run.test.calibration_error > _POOR_CONFIDENCE:
        yield (
            f"Better confidence: it is off by {100 * run.test.calibration_error:.0f} points on "
            "average. `ephyra predict` gives calibrated probabilities."
        )
    groups = run.get_test_predictions()["group"].nunique()
    seen = compute_detection_limit(run.test.image_count, groups)
    if seen.is_small:
        yield f"More test images: {seen.sentence}."


def _judge_fitness(facts: CardFacts) -> Iterator[str]:
    goal, cost = facts.goal, facts.cost
    if goal is None:
        yield "The project states no goal, so nothing says what would be good enough."
    elif goal.answer == REACHED:
        yield f"{goal.sentence}. By accuracy it is fit, for photos like the tested ones."
    elif goal.answer == NOT_REACHED:
        yield f"{goal.sentence}. Not fit yet: use it to sort, with a person who decides."
    else:
        yield f"{goal.sentence}. Undecided: treat it as not fit until more test images tell."
    if facts.machine_labelled and "certified" not in facts.audit:
        yield "Part of what it learnt was never audited: do not ship it before that is done."
    if facts.licences.get("", 0):
        yield "Part of what it learnt has no stated licence: ask before it is passed on."
    yield (
        f"It answers in {cost.milliseconds:,.1f} ms on this {cost.device.upper()} and needs "
        f"{cost.bytes_on_disk / 1e6:,.1f} MB."
    )
    yield (
        "Before it goes to users: try it on their own photos, watch how often it says “none of "
        "these”, and keep a way to correct it."
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
    places = np.argsort(-counts, axis=None, kind="stable")[:_SHOWN]
    pairs = [tuple(int(k) for k in np.unravel_index(place, counts.shape)) for place in places]
    return [(names[i], names[j], int(counts[i, j])) for i, j in pairs if counts[i, j] > 1]


def _compute_gap(run: Run) -> float:
    """Training accuracy less validation accuracy, at the check that was kept."""
    fitted = run.card.fitted
    kept = next(check for check in fitted.history if check.step == fitted.best_step)
    return kept.train_accuracy - kept.val_accuracy


def _join_names(names: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

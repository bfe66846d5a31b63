"""The answers of the stages: a few lines for people, the same values as JSON.

The stages' own modules load torch; they are named for the type checker alone, so that the commands
that need none of it answer at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from data_registry.text.wording import choose_verb_form, count_noun, format_class_name
from data_registry.versions.publishing import describe_audit
from flows.output.answer import Answer
from flows.output.group_view import format_group
from flows.output.training_view import format_cross_validation, format_ensembles
from flows.shared.reading_view import describe_conflicts, describe_recorded_reading
from flows.shared.serialisation import make_plain
from flows.shared.tables import (
    ROWS_SHOWN,
    build_notice,
    build_notices,
    build_row_table,
    build_table,
    describe_right_of_accepted,
    format_counts,
    shorten_name,
    sum_counts,
)
from flows.status.next_step import format_waiting_counts

if TYPE_CHECKING:
    import pandas as pd

    from data_registry.duplicates.grouping import GroupSummary
    from data_registry.versions.publishing import Version
    from flows.champion.decision import Decided
    from flows.prediction.predicting import FilePrediction
    from flows.reports.labelling.labelling_stage import LabelledRound
    from flows.stages.reviewing import ReviewState
    from flows.training.model_results import ModelResult
    from flows.training.train_stage import Trained
    from labeling.audit.audit import AuditResult


def build_label_answer(
    groups: GroupSummary, summary: LabelledRound, asked: Mapping[str, int]
) -> Answer:
    """Build the answer of `label`.

    Args:
        groups: of duplicates.
        summary: of the round.
        asked: images that wait for a person by why, see `flows.next_step.waiting_by_reason`.
    """
    fold = summary.card["out_of_fold"]
    drawn = build_table("verdict", "images")
    for verdict, count in summary.verdicts.items():
        drawn.add_row(verdict, str(count))
    estimate = (
        f"out of fold, on {fold['images']} labelled images: accuracy {fold['accuracy']:.3f}; "
        f"{describe_right_of_accepted(fold)}. "
        f"This is an estimate: {_advise_audit(summary.verdicts.get('accepted', 0))}"
    )
    decided: list[RenderableType] = [drawn, f"why: {format_counts(summary.reasons)}"]
    if summary.estimated is not None and summary.known_share is not None:
        decided.append(
            f"{100 * summary.known_share:.0f} % of the pool seem to show one of the classes; "
            f"estimated precision of the accepted: {summary.estimated:.3f} "
            f"(asked for: {summary.target:g})"
        )
    if summary.doubtful:
        decided.append(
            f"{len(summary.doubtful)} of the {fold['images']} labels look wrong to a teacher that "
            "did not learn from them; none was changed: the page shows them"
        )
    decided.append(f"waiting for a person: {format_waiting_counts(asked)}")
    shown: list[RenderableType] = [
        *format_groups(groups),
        *(decided if summary.pool else ["the pool is empty: run `ephyra collect` first"]),
        estimate,
        f"page: {summary.page}",
    ]
    data = {
        "groups": make_plain(groups),
        "label": make_plain(summary),
        "waiting": make_plain(asked),
    }
    return Answer(data, shown)


def _advise_audit(accepted: int) -> str:
    from labeling.audit.certify import count_answers_needed
    from labeling.audit.target import TARGET

    wanted = count_answers_needed(TARGET)
    if accepted >= wanted:
        return f"only an audit of this pool certifies it (`ephyra review --audit {wanted}`)"
    return (
        f"only an audit certifies it, and {TARGET:g} takes {wanted} accepted images; {accepted} "
        "are accepted so far"
    )


def build_review_answer(state: ReviewState, asked: str = "") -> Answer:
    """Build the answer of `review`."""
    from labeling.audit.certify import compute_best_certificate

    shown: list[RenderableType] = []
    if state.taken:
        shown.append(f"{count_noun(state.taken.new, 'new answer')} of {state.taken.answers}")
    if asked:
        shown.append(asked)
    if state.drawn is not None:
        shown += _format_sample(state.drawn)
    if state.audit:
        shown.append(format_audit(state.audit))
    waiting = len(state.queue)
    waits = choose_verb_form(waiting, "waits", "wait")
    shown.append(f"{count_noun(waiting, 'image')} {waits} for a person")
    if waiting:
        shown.append(_build_queue_table(state.queue))
    if waiting > ROWS_SHOWN:
        shown.append(f"… and {waiting - ROWS_SHOWN} more; --sheet FILE.csv writes all")
    if state.sheet:
        shown.append(
            f"wrote {state.sheet}, pictures in {state.pictures}: fill in the column answer with a "
            f"class or {state.none_word!r}, then run `ephyra review --answer FILE`"
        )
    can_certify = None if state.drawn is None else compute_best_certificate(state.drawn)
    data = {
        **make_plain(state),
        "can_certify": can_certify,
        "queue": state.queue.to_dict("records"),
        "retrain": asked,
    }
    return Answer(data, shown)


def _format_sample(drawn: int) -> list[RenderableType]:
    """Say what an audit's sample can certify; warn where it is too small."""
    from labeling.audit.certify import compute_best_certificate, count_answers_needed
    from labeling.audit.target import TARGET

    wanted, with_one, with_two = (count_answers_needed(TARGET, wrong) for wrong in range(3))
    words = (
        f"the audit's sample holds {drawn} accepted images; {TARGET:g} takes {wanted} answers "
        f"without an error, {with_one} with one, {with_two} with two"
    )
    if drawn >= wanted:
        return [words]
    return [
        words,
        build_notice(
            f"{drawn} answers can certify {compute_best_certificate(drawn):.3f} at most, even "
            f"without an error, and never {TARGET:g}: run `ephyra review --audit {wanted}` "
            "once as many are accepted (`ephyra collect` finds more; so does `ephyra label` after "
            "further answers)"
        ),
    ]


def _build_queue_table(queue: pd.DataFrame) -> RenderableType:
    """Build one row for each image; its sources are in the sheet, --json and `ephyra why`."""
    told = queue[["sha256", "queue", "class_name", "confidence", "detail"]]
    told = told.assign(class_name=told["class_name"].map(format_class_name))
    return build_row_table(
        told.rename(columns={"sha256": "image", "class_name": "class"}), wide=["detail"]
    )


def build_merge_answer(version: Version) -> Answer:
    """Build the answer of `merge`."""
    return Answer(make_plain(version), format_version(version))


def build_train_answer(trained: Trained, decided: Decided) -> Answer:
    """Build the answer of `train`."""
    accuracy = f"accuracy on {count_noun(trained.test_images, 'test image')}"
    drawn = build_table(
        "model", "collected data", "training images", accuracy, wide=["model", accuracy]
    )
    for item in trained.comparisons:
        for data, count, value in _list_arms(item):
            drawn.add_row(item.model, data, str(count), value)
    shown: list[RenderableType] = [
        f"trained on {trained.version}",
        drawn,
        *format_outcomes(vars(item) for item in trained.comparisons),
        *(build_notice(warning) for warning in trained.warnings),
        *format_cross_validation(trained.cross_validated),
        *format_ensembles(trained.ensembles),
        *format_decision(decided),
        *(f"report: {item.report}" for item in trained.comparisons),
    ]
    return Answer({**make_plain(trained), "decide": make_plain(decided)}, shown)


def format_decision(decided: Decided) -> list[str]:
    """Format the decision about the champion, and the runs that were not eligible."""
    words = f"champion: {decided.champion}, {decided.verdict} ({decided.reason})"
    return [words, *(f"not for champion: {reason}" for reason in decided.not_eligible)]


def build_run_answer(found: Mapping[str, Any]) -> Answer:
    """Build the answer of `run`: one line for each stage, everything in JSON."""
    collected = found["collect"]["providers"]
    outcomes = sum_counts(item["outcomes"] for item in collected)
    imported = found.get("import")
    shown = [
        *(build_notices(describe_conflicts(imported)) if imported else []),
        *(build_notices(describe_recorded_reading(imported["images"])) if imported else []),
        f"collected: {format_counts(outcomes) or 'nothing new'}",
        f"labelled: {format_counts(found['label']['verdicts']) or 'an empty pool'}",
        *_format_training(found),
    ]
    return Answer(found, shown)


def format_outcomes(found: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    """Say for each model whether the data helped; if unclear, first what would settle it."""
    lines: list[RenderableType] = []
    for item in found:
        if item["settling"]:
            lines.append(build_notice(f"{item['model']}: what would settle it: {item['settling']}"))
        lines.append(f"{item['model']}: {item['answer']}: {item['sentence']}")
    return lines


def build_retrain_answer(found: Mapping[str, Any]) -> Answer:
    """Build the answer of `retrain`."""
    nothing = "nothing new was answered, collected or imported; --always trains all the same"
    return Answer(found, _format_training(found) if found else [nothing])


def _format_training(found: Mapping[str, Any]) -> list[RenderableType]:
    """Format merge, comparison and champion, one line each."""
    comparisons, decided = found["train"]["comparisons"], found["decide"]
    return [
        f"merged: {found['merge']['tag']}, {format_counts(found['merge']['card']['splits'])}",
        *format_outcomes(comparisons),
        f"champion: {decided['verdict']}: {decided['reason']}",
        *(f"not for champion: {reason}" for reason in decided["not_eligible"]),
        *(f"report: {item['report']}" for item in comparisons),
    ]


def build_predict_answer(
    predictions: Sequence[FilePrediction], count: int, csv: Path | None = None
) -> Answer:
    """Build the answer of `predict`."""
    drawn = build_table("image", "answer", "probability", "then", wide=["image", "then"])
    for item in predictions:
        ranked = [f"{name} {value:.2f}" for name, value in item.get_top(count)]
        others = ", ".join(ranked[1:])
        drawn.add_row(item.file, item.answer, "".join(ranked[:1]), others or item.trouble)
    shown: list[RenderableType] = [drawn]
    if any(item.probabilities and not item.calibrated for item in predictions):
        shown.append(
            build_notice(
                "not calibrated, and often too sure: `ephyra train` calibrates the champion"
            )
        )
    if csv:
        shown.append(f"wrote {csv}")
    return Answer({"predictions": make_plain(predictions)}, shown)


def format_audit(audit: AuditResult) -> str:
    """Format the audit as a sentence: certified only once every answer is given."""
    if not audit.answered:
        return f"audit: {audit.drawn} images drawn, none answered yet"
    share = f"{audit.right} of {audit.answered} right"
    if audit.certified is None:
        return f"audit: {share}, {count_noun(audit.drawn - audit.answered, 'answer')} missing"
    words = f"audit: {share}: certified at least {audit.certified:.3f} (95 % confidence)"
    if audit.rounds > 1:
        words += f"; with {audit.rounds} audits so far all hold with {100 * audit.all_hold:.0f} %"
    return words


def _list_arms(item: ModelResult) -> list[tuple[str, int, str]]:
    """List (data, training images, accuracy) of each trained arm."""
    without = ("without", item.train_without, item.accuracy_without)
    with_collected = ("with", item.train_with, item.accuracy_with)
    return [without] if item.difference is None else [without, with_collected]


def format_groups(groups: GroupSummary) -> list[RenderableType]:
    """Format the groups that were found, and those to check."""
    lines: list[RenderableType] = [
        f"{count_noun(groups.groups, 'group')} of duplicates; "
        f"links: {format_counts(groups.links) or 'none'}"
    ]
    if groups.reported:
        count = len(groups.reported)
        size = f"{count_noun(count, 'group')} {choose_verb_form(count, 'is', 'are')}"
        lines.append(build_notice(f"{size} for a person to check: `ephyra groups`"))
        lines += build_notices([format_group(group) for group in groups.reported])
    return lines


def format_version(version: Version) -> list[RenderableType]:
    """Format a version: its tag and splits, pseudo-labels and exclusions."""
    card = version.card
    counts = f" {shorten_name(version.version_hash)}: {format_counts(card['splits'])}"
    lines: list[RenderableType] = [Text.assemble((version.tag, "bold"), counts)]
    lines.append(f"machine-made classes: {describe_audit(card)}")
    if card["excluded"]:
        lines.append(f"excluded: {format_counts(card['excluded'])}")
    return lines

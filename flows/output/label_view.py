"""The answer of `label`: the duplicate groups, then the labelling round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from data_registry.text.wording import count_noun
from data_registry.vocabulary import Verdict
from flows.output.answer import Answer, WrittenPage
from flows.output.group_view import build_grouping_answer
from flows.output.review_view import advise_audit
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_table, describe_right_of_accepted, format_counts
from flows.status.next_step import format_waiting_counts

if TYPE_CHECKING:
    from data_registry.duplicates.grouping import GroupSummary
    from flows.reports.labelling.labelling_stage import LabelledRound


def build_label_answer(
    groups: GroupSummary, summary: LabelledRound, waiting: Mapping[str, int]
) -> Answer:
    """Build the answer of `label`.

    Args:
        groups: of duplicates.
        summary: of the round.
        waiting: images that wait for a person by reason, see
            `flows.status.next_step.count_waiting_by_reason`.
    """
    grouping, labelled = build_grouping_answer(groups), build_round_answer(summary, waiting)
    data = {"groups": grouping.data, "label": labelled.data, "waiting": make_plain(waiting)}
    return Answer(data, [*grouping.shown, *labelled.shown], pages=labelled.pages)


def build_round_answer(summary: LabelledRound, waiting: Mapping[str, int]) -> Answer:
    """Build the answer of a labelling round by itself; arguments as `build_label_answer` takes."""
    empty = "the pool is empty: run `ephyra collect` first"
    shown: list[RenderableType] = [
        *(_format_decisions(summary, waiting) if summary.pool else [empty]),
        _format_estimate(summary),
        f"page: {summary.page}",
    ]
    page = WrittenPage(
        key="labelling",
        title="the labelling round, with a slider",
        about="How reliable the teacher is",
        path=summary.page,
    )
    return Answer(make_plain(summary), shown, pages=[page])


def summarise_verdicts(verdicts: Mapping[str, int]) -> str:
    """Summarise a round's verdicts as one line."""
    return format_counts(verdicts) or "an empty pool"


def _format_decisions(summary: LabelledRound, waiting: Mapping[str, int]) -> list[RenderableType]:
    drawn = build_table("verdict", "images")
    for verdict, count in summary.verdicts.items():
        drawn.add_row(verdict, str(count))
    lines: list[RenderableType] = [drawn, f"why: {format_counts(summary.reasons)}"]
    if summary.estimated is not None and summary.known_share is not None:
        lines.append(
            f"{100 * summary.known_share:.0f} % of the pool seem to show one of the classes; "
            f"estimated precision of the accepted: {summary.estimated:.3f} "
            f"(asked for: {summary.target:g})"
        )
    if summary.doubtful:
        labels = summary.card["out_of_fold"]["images"]
        lines.append(
            f"{len(summary.doubtful)} of the {labels} labels look wrong to a teacher that "
            "did not learn from them; none was changed: the page shows them"
        )
    return [*lines, f"waiting for a person: {format_waiting_counts(waiting)}"]


def _format_estimate(summary: LabelledRound) -> str:
    fold: Mapping[str, Any] = summary.card["out_of_fold"]
    accepted = summary.verdicts.get(Verdict.ACCEPTED, 0)
    return (
        f"out of fold, on {count_noun(fold['images'], 'labelled image')}: accuracy "
        f"{fold['accuracy']:.3f}; {describe_right_of_accepted(fold)}. "
        f"This is an estimate: {advise_audit(accepted, summary.target)}"
    )

"""The answer of `review`, and the audit's state as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType

from data_registry.text.wording import choose_verb_form, count_noun, format_class_name
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import ROWS_SHOWN, build_notice, build_row_table

if TYPE_CHECKING:
    import pandas as pd

    from flows.stages.reviewing import ReviewState
    from labeling.audit.audit import AuditResult


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
        f"the audit's sample holds {count_noun(drawn, 'accepted image')}; {TARGET:g} takes "
        f"{wanted} answers without an error, {with_one} with one, {with_two} with two"
    )
    if drawn >= wanted:
        return [words]
    return [
        words,
        build_notice(
            f"{count_noun(drawn, 'answer')} can certify {compute_best_certificate(drawn):.3f} at "
            f"most, even without an error, and never {TARGET:g}: run `ephyra review --audit "
            f"{wanted}` once as many are accepted (`ephyra collect` finds more; so does `ephyra "
            "label` after further answers)"
        ),
    ]


def _build_queue_table(queue: pd.DataFrame) -> RenderableType:
    """Build one row for each image; its sources are in the sheet, --json and `ephyra why`."""
    told = queue[["sha256", "queue", "class_name", "confidence", "detail"]]
    told = told.assign(class_name=told["class_name"].map(format_class_name))
    return build_row_table(
        told.rename(columns={"sha256": "image", "class_name": "class"}), wide=["detail"]
    )


def format_audit(audit: AuditResult) -> str:
    """Format the audit as a sentence: certified only once every answer is given."""
    if not audit.answered:
        return f"audit: {count_noun(audit.drawn, 'image')} drawn, none answered yet"
    share = f"{audit.right} of {audit.answered} right"
    if audit.certified is None:
        return f"audit: {share}, {count_noun(audit.drawn - audit.answered, 'answer')} missing"
    words = f"audit: {share}: certified at least {audit.certified:.3f} (95 % confidence)"
    if audit.rounds > 1:
        words += f"; with {audit.rounds} audits so far all hold with {100 * audit.all_hold:.0f} %"
    return words

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
    from labeling.audit.audit_result import AuditResult


def build_review_answer(state: ReviewState, asked: str = "") -> Answer:
    """Build the answer of `review`."""
    shown: list[RenderableType] = []
    if state.taken:
        shown.append(f"{count_noun(state.taken.new, 'new answer')} of {state.taken.answers}")
    if asked:
        shown.append(asked)
    can_certify = None
    if state.audit and state.drawn is not None:
        can_certify = _compute_best_certificate(state.audit, state.drawn)
        shown += _format_sample(state.audit, state.drawn)
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
    data = {
        **make_plain(state),
        "can_certify": can_certify,
        "queue": state.queue.to_dict("records"),
        "retrain": asked,
    }
    return Answer(data, shown)


def _build_queue_table(queue: pd.DataFrame) -> RenderableType:
    """Build one row for each image; its sources are in the sheet, --json and `ephyra why`."""
    told = queue[["sha256", "queue", "class_name", "confidence", "detail"]]
    told = told.assign(class_name=told["class_name"].map(format_class_name))
    return build_row_table(
        told.rename(columns={"sha256": "image", "class_name": "class"}), wide=["detail"]
    )


def advise_audit(accepted: int, target: float) -> str:
    """Say what an audit of so many accepted images takes."""
    from labeling.audit.sequential_test import count_answers_needed

    if not accepted:
        return "only an audit certifies it, and nothing is accepted yet"
    wanted = count_answers_needed(accepted, target)
    return (
        f"only an audit of this pool certifies it: {wanted} right answers without an error do "
        f"(`ephyra review --audit {wanted}`)"
    )


def _compute_best_certificate(audit: AuditResult, drawn: int) -> float:
    """Compute the precision that so many answers certify if none of them is wrong."""
    import numpy as np

    from labeling.audit.sequential_test import bound_errors

    errors = bound_errors(audit.accepted, np.ones(drawn, np.bool_), audit.target, audit.delta)
    return (audit.accepted - errors) / audit.accepted


def _format_sample(audit: AuditResult, drawn: int) -> list[RenderableType]:
    """Say what an audit's sample can certify; warn where it is too small."""
    from labeling.audit.sequential_test import count_answers_needed

    accepted, target = audit.accepted, audit.target
    counts = [count_answers_needed(accepted, target, wrong, audit.delta) for wrong in range(3)]
    ways = [
        f"{count} {words}"
        for count, words in zip(counts, ("without an error", "with one", "with two"), strict=True)
        if count is not None
    ]
    sample = (
        f"the audit's sample holds {drawn} of {count_noun(accepted, 'accepted image')}; "
        f"{target:g} takes {', '.join(ways)}. You may stop or go on at any time"
    )
    if counts[0] is not None and drawn < counts[0]:
        return [
            sample,
            build_notice(
                f"{count_noun(drawn, 'answer')} can certify "
                f"{_compute_best_certificate(audit, drawn):.3f} at most: run `ephyra review "
                f"--audit {counts[0]}` to draw the sample larger"
            ),
        ]
    return [sample]


def format_audit(audit: AuditResult) -> str:
    """Format the audit as a sentence: certified, failed, or how many answers are missing."""
    if not audit.answered:
        return f"audit: {count_noun(audit.drawn, 'image')} drawn, none answered yet"
    share = f"audit: {audit.right} of {audit.answered} right"
    confidence = f"{100 * (1 - audit.delta):.3g} % confidence"
    if audit.failed:
        return (
            f"{share}: failed, since {audit.target:g} allows {audit.tolerable} wrong of "
            f"{audit.accepted}. {audit.way_out}"
        )
    if not audit.passed:
        return f"{share}: at least {audit.lower:.3f} ({confidence}); {_say_what_is_missing(audit)}"
    words = f"{share}: certified at least {audit.lower:.3f} ({confidence})"
    if audit.rounds > 1:
        words += f"; with {audit.rounds} audits so far all hold with {100 * audit.all_hold:.0f} %"
    return words


def _say_what_is_missing(audit: AuditResult) -> str:
    needed = audit.needed or audit.accepted
    missing = count_noun(max(needed - audit.counted, 1), "further answer")
    words = f"{missing} without an error would certify {audit.target:g}"
    if needed > audit.drawn:
        words += f" (`ephyra review --audit {needed}`)"
    return words

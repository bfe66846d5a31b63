"""The answers of `promote` and `rollback`, and the decision after a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_registry.runs.champions import ChampionDecision
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain

if TYPE_CHECKING:
    from flows.champion.decision import Decided


def build_decision_answer(decided: Decided) -> Answer:
    """Build the answer of a decision: the champion, and the runs that were not eligible."""
    words = f"champion: {decided.champion}, {decided.verdict} ({decided.reason})"
    others = [f"not for champion: {reason}" for reason in decided.not_eligible]
    return Answer(make_plain(decided), [words, *others])


def build_champion_answer(decision: ChampionDecision) -> Answer:
    """Build the answer of `promote` and `rollback`."""
    before = f", before: {decision.challenger}" if decision.challenger else ""
    return Answer(
        make_plain(decision), [f"champion: {decision.run_id}, {decision.verdict}{before}"]
    )

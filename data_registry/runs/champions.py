"""Record and load decisions about the champion, the promoted run; each can be rolled back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.runs.run_records import find_run
from data_registry.storage import schema
from data_registry.storage.database import now

CHAMPION = "champion"  # stands for the champion wherever a run is named
PROMOTED = "promoted"
UNDECIDED = "undecided"
KEPT = "kept"
ROLLED_BACK = "rolled back"
BY_HAND = "by hand"


@dataclass(frozen=True, kw_only=True)
class ChampionDecision:
    """One decision about the champion.

    Attributes:
        run_id: the champion from then on.
        verdict: promoted, undecided, kept, rolled back or by hand.
        challenger: the run that it was compared with; empty without one.
        reason: in words, with the number of images and the interval.
        evidence: the same as values.
    """

    run_id: str
    verdict: str
    challenger: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def load_champion_decisions(registry: Registry) -> list[ChampionDecision]:
    """Load every decision, oldest first."""
    table = schema.champion_decision
    columns = (table.c[name] for name in ChampionDecision.__dataclass_fields__)
    rows = registry.database.rows(sa.select(*columns).order_by(table.c.decision_id))
    return [ChampionDecision(**row._asdict()) for row in rows]


def record_champion_decision(registry: Registry, decision: ChampionDecision) -> bool:
    """Record a decision; one equal to the latest is skipped.

    Returns:
        Whether it was new.
    """
    if load_champion_decisions(registry)[-1:] == [decision]:
        return False
    with registry.database.transaction() as connection:
        row = {**vars(decision), "evidence": dict(decision.evidence), "at": now()}
        connection.execute(sa.insert(schema.champion_decision), [row])
    return True


def find_champion(registry: Registry) -> str | None:
    """Find the champion's run id, or None where none was promoted."""
    decisions = load_champion_decisions(registry)
    return decisions[-1].run_id if decisions else None


def require_champion(registry: Registry) -> str:
    """Return the champion's run id.

    Raises:
        InputError: no run was promoted yet.
    """
    run_id = find_champion(registry)
    if run_id is None:
        raise InputError("there is no champion yet: run `ephyra train` first")
    return run_id


def resolve_run(registry: Registry, name: str) -> str:
    """Resolve a run's id, a prefix of it, or the word ``champion`` to a run id.

    Raises:
        InputError: there is no such run, or several that begin like this, or no champion.
    """
    return require_champion(registry) if name == CHAMPION else find_run(registry, name)


def find_refused_runs(registry: Registry) -> set[str]:
    """Find the runs that were rolled back; they are never promoted automatically."""
    refused: set[str] = set()
    before: str | None = None
    for decision in load_champion_decisions(registry):
        if decision.verdict == ROLLED_BACK and before:
            refused.add(before)
        if decision.verdict == BY_HAND:
            refused.discard(decision.run_id)
        before = decision.run_id
    return refused


def promote_by_hand(registry: Registry, run_id: str, reason: str) -> ChampionDecision:
    """Promote a run by a person's decision.

    Raises:
        InputError: there is no such run, or several that begin like this.
    """
    name = find_run(registry, run_id)
    decision = ChampionDecision(
        run_id=name, verdict=BY_HAND, challenger=find_champion(registry) or "", reason=reason
    )
    record_champion_decision(registry, decision)
    return decision


def roll_back(registry: Registry, reason: str) -> ChampionDecision:
    """Restore the previous champion.

    Raises:
        InputError: there is no earlier champion.
    """
    titles = _list_titles(load_champion_decisions(registry))
    if len(titles) < 2:
        raise InputError(
            "there is no earlier champion to go back to; `ephyra promote RUN` names one by hand"
        )
    decision = ChampionDecision(
        run_id=titles[-2], verdict=ROLLED_BACK, challenger=titles[-1], reason=reason
    )
    record_champion_decision(registry, decision)
    return decision


def _list_titles(decisions: Sequence[ChampionDecision]) -> list[str]:
    """List the champions that were not rolled back, in their order."""
    titles: list[str] = []
    for decision in decisions:
        if decision.verdict == ROLLED_BACK:
            titles.pop()
        elif titles[-1:] != [decision.run_id]:
            titles.append(decision.run_id)
    return titles

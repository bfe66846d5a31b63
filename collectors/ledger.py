"""The rows of a collection, written in shards, and the counts of what it brought."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.outcomes import Outcome
from data_registry.progress import Progress
from data_registry.records import Collected
from data_registry.registry import Registry

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 2.0  # seconds that a row waits for others: so much work a kill may cost at most

_DROPPED = {
    Outcome.REFUSED_LICENCE: "licence not allowed; [collect] licences names those that are",
    Outcome.UNKNOWN_LICENCE: "licence unknown; [collect] allow_unknown = true takes them",
}


@dataclass(frozen=True)
class CollectSummary:
    """What came of a collection.

    Attributes:
        provider: the provider's name.
        outcomes: candidates by the name of their outcome, in this run; see `collectors.outcomes`.
        by_query: the same for each query.
        skipped: candidates that an earlier attempt had finished and that were left alone.
    """

    provider: str
    outcomes: Mapping[str, int]
    by_query: Mapping[str, Mapping[str, int]]
    skipped: int

    @property
    def found(self) -> int:
        """Candidates that the provider gave."""
        return sum(self.outcomes.values()) + self.skipped

    @property
    def dropped(self) -> tuple[str, ...]:
        """One line for each reason why licences kept candidates out: how many, which setting."""
        return tuple(
            f"{count} dropped: {reason}"
            for outcome, reason in _DROPPED.items()
            if (count := self.outcomes.get(outcome, 0))
        )


class Ledger:
    """Takes attempts one by one and writes them to the registry a shard at a time.

    Args:
        registry: where the rows go.
        shard_size: rows written in one transaction.
        progress: told of every candidate.
    """

    def __init__(self, registry: Registry, shard_size: int, progress: Progress) -> None:
        self._registry = registry
        self._shard_size = shard_size
        self._progress = progress
        self._rows: list[Collected] = []
        self._by_query: dict[str, Counter[str]] = {}
        self._skipped = 0
        self._written_at = time.monotonic()

    def skip(self) -> None:
        """Count a candidate that is left alone."""
        self._skipped += 1
        self._progress.advance()

    def add(self, collected: Collected) -> None:
        """Write an attempt with the others of its shard."""
        attempt = collected.attempt
        image = f" as {attempt.sha256[:12]}" if attempt.sha256 else ""
        _log.info("%s%s: %s %s", attempt.outcome, image, attempt.source.url, attempt.detail)
        self._rows.append(collected)
        self._progress.advance()
        is_late = time.monotonic() - self._written_at > _LONGEST_WAIT
        if is_late or len(self._rows) >= self._shard_size:
            self.write()

    def write(self) -> None:
        """Write and count the rows that are waiting; if the registry refuses them, they wait on."""
        for item in self._registry.record_collected(self._rows):
            attempt = item.attempt
            self._by_query.setdefault(attempt.source.query, Counter())[str(attempt.outcome)] += 1
        self._rows = []
        self._written_at = time.monotonic()

    def summary(self, provider: str) -> CollectSummary:
        """The counts so far, in alphabetical order."""
        total: Counter[str] = Counter()
        for counts in self._by_query.values():
            total.update(counts)
        by_query = {query: _sorted(self._by_query[query]) for query in sorted(self._by_query)}
        return CollectSummary(provider, _sorted(total), by_query, self._skipped)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}

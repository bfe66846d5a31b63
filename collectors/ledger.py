"""Write the rows of a collection in shards, and count its outcomes."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.outcomes import Outcome
from collectors.provider_problems import ProviderProblems
from data_registry.images.records import CollectedImage
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.text.hashes import shorten_hash
from data_registry.text.printable import make_one_line
from data_registry.text.secrets import hide_secrets

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 2.0  # seconds that a row waits for others: the most work that a kill may cost

_DROPPED = {
    Outcome.REFUSED_LICENCE: "licence not allowed; [collect] licences lists the allowed ones",
    Outcome.UNKNOWN_LICENCE: "licence unknown; [collect] allow_unknown = true accepts them",
}


@dataclass(frozen=True, kw_only=True)
class CollectSummary:
    """The outcome of a collection.

    Attributes:
        provider: the provider's name.
        outcomes: candidates by the name of their outcome, in this run; see `collectors.outcomes`.
        by_query: the same for each query.
        skipped: candidates with a final outcome from an earlier attempt.
        bad_records: malformed results that the provider left out.
        bad_examples: what was wrong with the first of them.
        failed_queries: the error that ended a query, by query; its earlier images are kept.
    """

    provider: str
    outcomes: Mapping[str, int]
    by_query: Mapping[str, Mapping[str, int]]
    skipped: int
    bad_records: int = 0
    bad_examples: tuple[str, ...] = ()
    failed_queries: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for malformed results, and one for each query that failed."""
        lines = [
            f"{self.provider}: {query!r} ended early: {error}. What it had found is kept, and the "
            "same command goes on from there"
            for query, error in self.failed_queries.items()
        ]
        if self.bad_records:
            count = self.bad_records
            results = "1 malformed result" if count == 1 else f"{count} malformed results"
            example = f"; for example: {self.bad_examples[0]}" if self.bad_examples else ""
            lines.append(f"{self.provider}: {results} left out{example}")
        return tuple(lines)

    @property
    def found(self) -> int:
        """Candidates that the provider yielded."""
        return sum(self.outcomes.values()) + self.skipped

    @property
    def dropped(self) -> tuple[str, ...]:
        """One line for each licence rule that dropped candidates: how many, and which setting."""
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
        self._rows: list[CollectedImage] = []
        self._by_query: dict[str, Counter[str]] = {}
        self._skipped = 0
        self._written_at = time.monotonic()

    def skip(self) -> None:
        """Count a candidate that is skipped."""
        self._skipped += 1
        self._progress.advance()

    def add(self, collected: CollectedImage) -> None:
        """Add an attempt; write the shard when it is full or late."""
        attempt = collected.attempt
        image = f" as {shorten_hash(attempt.sha256)}" if attempt.sha256 else ""
        words = make_one_line(hide_secrets(attempt.source.url)), make_one_line(attempt.detail)
        _log.info("%s%s: %s %s", attempt.outcome, image, *words)
        self._rows.append(collected)
        self._progress.advance()
        is_late = time.monotonic() - self._written_at > _LONGEST_WAIT
        if is_late or len(self._rows) >= self._shard_size:
            self.write()

    def write(self) -> None:
        """Write and count the waiting rows; they keep waiting if the registry refuses them."""
        for item in self._registry.record_collected(self._rows):
            attempt = item.attempt
            self._by_query.setdefault(attempt.source.query, Counter())[str(attempt.outcome)] += 1
        self._rows = []
        self._written_at = time.monotonic()

    def summarise(self, provider: str, problems: ProviderProblems) -> CollectSummary:
        """Return the counts so far, in alphabetical order, and the provider's problems."""
        total: Counter[str] = Counter()
        for counts in self._by_query.values():
            total.update(counts)
        by_query = {query: _sort_counts(self._by_query[query]) for query in sorted(self._by_query)}
        return CollectSummary(
            provider=provider,
            outcomes=_sort_counts(total),
            by_query=by_query,
            skipped=self._skipped,
            bad_records=problems.bad_records,
            bad_examples=tuple(problems.examples),
            failed_queries={query: str(error) for query, error in problems.failed.items()},
        )


def _sort_counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}

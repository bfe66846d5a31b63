"""Trying again only what failed for a passing reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collectors.candidate import Candidate, Provider
from data_registry.registry import Registry


@dataclass(frozen=True)
class FailedCandidates:
    """Of a provider's candidates those whose last attempt may succeed another time.

    The provider is asked again, since only it knows what holds of a candidate now; it is left as
    soon as every failed one was met.

    Attributes:
        provider: the provider.
        failed: (query, URL) of the candidates that failed.
    """

    provider: Provider
    failed: frozenset[tuple[str, str]]

    @property
    def name(self) -> str:
        """The provider's own name: its rows go on."""
        return self.provider.name

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """See `Provider.candidates`; queries without a failed candidate are not asked."""
        open_queries = {query for query, _ in self.failed}
        # a provider that cannot search names queries of its own, or none
        asked = [query for query in queries if query in open_queries] or list(queries)
        missing = set(self.failed)
        if not missing:
            return
        for candidate in self.provider.candidates(asked):
            key = candidate.source.query, candidate.source.url
            if key in missing:
                missing.remove(key)
                yield candidate
            if not missing:
                return


def select_failed(registry: Registry, provider: Provider) -> FailedCandidates:
    """A provider that gives only what failed and may succeed now."""
    attempts = registry.load_last_attempts(provider.name).values()
    return FailedCandidates(
        provider, frozenset((a.source.query, a.source.url) for a in attempts if a.retryable)
    )

"""Try again only what failed and may succeed now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collectors.candidate import Candidate, Provider
from collectors.collect_settings import CollectSettings
from collectors.raised_limits import may_succeed_now
from data_registry.registry import Registry


@dataclass(frozen=True)
class FailedCandidates:
    """A provider's candidates whose last attempt failed and may succeed now.

    The provider is asked again, since only it knows a candidate's current facts; it is asked no
    further once every failed candidate was found.

    Attributes:
        provider: the provider.
        failed: (query, URL) of the candidates that failed.
    """

    provider: Provider
    failed: frozenset[tuple[str, str]]

    @property
    def name(self) -> str:
        """The provider's own name, so that its history continues."""
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


def select_failed(
    registry: Registry, provider: Provider, settings: CollectSettings | None = None
) -> FailedCandidates:
    """Build a provider that yields only what failed and may succeed under these settings."""
    settings = settings or CollectSettings()
    return FailedCandidates(
        provider,
        frozenset(
            (attempt.source.query, attempt.source.url)
            for attempt in registry.load_last_attempts(provider.name).values()
            if may_succeed_now(attempt, settings)
        ),
    )

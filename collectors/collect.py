"""Collect images: candidates in, images and rows out.

Worker threads fetch, check and store bytes; the calling thread queries the provider, decides what
needs no fetching, and writes the rows in shards. However a collection ends, everything that was
finished is recorded, and the next one continues from there.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from collectors.budget import QueryTurns, group_by_class
from collectors.candidate import (
    Candidate,
    Provider,
    Search,
    SearchProvider,
    name_bugs,
    read_candidates,
)
from collectors.collect_settings import CollectSettings
from collectors.collection_run import CollectionRun
from collectors.fetch.fetcher import Fetcher
from collectors.ledger import CollectSummary, Ledger
from collectors.provider_problems import ProviderProblems, gather_problems
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.registry import Registry


def collect(
    registry: Registry,
    provider: Provider,
    queries: Sequence[str],
    settings: CollectSettings | None = None,
    progress: Progress | None = None,
) -> CollectSummary:
    """Collect a provider's candidates for the queries.

    A candidate with a final outcome is skipped; one that failed for a passing reason is tried
    again, and so is one that a limit refused which was raised since; one whose URL has an outcome
    under another query gets its row and its source without another fetch. One whose licence is not
    allowed is not fetched; it is tried once the rule allows it.

    Args:
        registry: receives images, sources and attempts.
        provider: yields the candidates.
        queries: search terms.
        settings: limits; the defaults suit a few thousand photos from the web.
        progress: advances with every candidate.

    Raises:
        ProviderError: every query has failed; a single one that fails is listed in the summary.
        StorageError: bytes or rows could not be stored, for example because the disk is full.
    """
    settings = settings or CollectSettings()
    progress = progress or SilentProgress()
    ledger = Ledger(registry, settings.shard_size, progress)
    with (
        gather_problems() as problems,
        _open_run(registry, provider.name, settings, ledger, progress) as run,
    ):
        if isinstance(provider, SearchProvider):
            budget = _Budget(settings, _find_seen_images(registry, settings), problems)
            _search(provider, queries, budget, run, progress)
        else:
            _take_all(provider, queries, run, progress)
    return ledger.summarise(provider.name, problems)


@contextmanager
def _open_run(
    registry: Registry,
    provider: str,
    settings: CollectSettings,
    ledger: Ledger,
    progress: Progress,
) -> Iterator[CollectionRun]:
    """Start a run, and record what it has finished, however the `with` ends."""
    with (
        Fetcher(settings.fetch) as fetcher,
        ThreadPoolExecutor(settings.threads, thread_name_prefix="collect") as pool,
    ):
        with report_phase(progress, f"reading earlier attempts of {provider}", None):
            run = CollectionRun(
                registry, provider, settings, fetcher=fetcher, pool=pool, ledger=ledger
            )
        try:
            yield run
        finally:
            run.stop()


def _find_seen_images(registry: Registry, settings: CollectSettings) -> set[str]:
    return registry.find_labelled_images() | registry.find_images_from(settings.after)


def _take_all(
    provider: Provider, queries: Sequence[str], run: CollectionRun, progress: Progress
) -> None:
    with report_phase(progress, f"collect from {provider.name}", None):
        for candidate in read_candidates(provider.name, lambda: provider.candidates(queries)):
            run.offer(candidate)
        run.finish()


@dataclass(frozen=True)
class _Budget:
    """What limits a search.

    Attributes:
        settings: the budget of a class, and the class of each query.
        seen: SHA-256 of images that are not new.
        problems: records the queries that fail.
    """

    settings: CollectSettings
    seen: set[str]
    problems: ProviderProblems

    def split_turns(self, search: Search, queries: Sequence[str]) -> QueryTurns:
        """Let the queries of one class take turns."""
        return QueryTurns(search, queries, self.settings.budget, self.seen, self.problems)


def _search(
    provider: SearchProvider,
    queries: Sequence[str],
    budget: _Budget,
    run: CollectionRun,
    progress: Progress,
) -> None:
    """Search for the queries of one class after the other, within each class's budget."""
    settings = budget.settings
    with ExitStack() as stack:
        with name_bugs(provider.name):
            open_search = stack.enter_context(provider.searching())

        def search(query: str) -> Iterator[Candidate]:
            return read_candidates(provider.name, lambda: open_search(query))

        for name, of_class in group_by_class(queries, settings.class_of_query).items():
            phase = f"{name or 'background'} from {provider.name}"
            with report_phase(progress, phase, settings.budget.per_class):
                turns = budget.split_turns(search, of_class)
                while not turns.is_over:
                    for candidate in turns.take_round():
                        run.offer(candidate)
                    run.finish()
                    turns.settle(run.find_image)
        budget.problems.require_answer()

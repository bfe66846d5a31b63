"""The collection: candidates in, images and rows out.

Worker threads fetch, check and store bytes; the calling thread asks the provider, decides what
needs no fetching, and writes the rows in shards. However a collection ends, everything that was
finished is recorded, and the next one goes on from there.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from collectors.budget import QueryTurns, group_by_class
from collectors.candidate import Provider, SearchProvider
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
    """Collect what a provider gives for the queries.

    A candidate that an earlier collection finished is left alone; one that failed for a passing
    reason is tried again; one whose URL was answered under another query gets its row and its
    source without another fetch. One whose licence is not wanted is not fetched, and is tried as
    soon as the rule takes it.

    Args:
        registry: receives images, sources and attempts.
        provider: gives the candidates.
        queries: what to ask it for.
        settings: limits; the defaults suit a few thousand photos from the web.
        progress: told of every candidate.

    Raises:
        ProviderError: the provider cannot give (further) candidates. A query that ends in an error
            ends by itself, and stands in the summary; the provider fails if all of them do.
        StorageError: bytes or rows could not be kept, for example because the disk is full.
    """
    settings = settings or CollectSettings()
    progress = progress or SilentProgress()
    ledger = Ledger(registry, settings.shard_size, progress)
    with (
        gather_problems() as troubles,
        Fetcher(settings.fetch) as fetcher,
        ThreadPoolExecutor(settings.threads, thread_name_prefix="collect") as pool,
    ):
        with report_phase(progress, f"reading what {provider.name} gave before", None):
            run = CollectionRun(
                registry, provider.name, settings, fetcher=fetcher, pool=pool, ledger=ledger
            )
        try:
            if isinstance(provider, SearchProvider):
                seen = registry.find_labelled_images() | registry.find_images_from(settings.after)
                _search(
                    provider,
                    queries,
                    settings,
                    run=run,
                    seen=seen,
                    troubles=troubles,
                    progress=progress,
                )
            else:
                _take_all(provider, queries, run, progress)
        finally:
            run.stop()
    return ledger.summarise(provider.name, troubles)


def _take_all(
    provider: Provider, queries: Sequence[str], run: CollectionRun, progress: Progress
) -> None:
    with report_phase(progress, f"collect from {provider.name}", None):
        for candidate in provider.candidates(queries):
            run.offer(candidate)
        run.finish()


def _search(
    provider: SearchProvider,
    queries: Sequence[str],
    settings: CollectSettings,
    *,
    run: CollectionRun,
    seen: set[str],
    troubles: ProviderProblems,
    progress: Progress,
) -> None:
    """Ask the queries of one class after the other, within what each class may cost."""
    with provider.searching() as search:
        for name, asked in group_by_class(queries, settings.class_of_query).items():
            what = f"{name or 'background'} from {provider.name}"
            with report_phase(progress, what, settings.budget.per_class):
                turns = QueryTurns(search, asked, settings.budget, seen, troubles)
                while not turns.is_over:
                    for candidate in turns.take_round():
                        run.offer(candidate)
                    run.finish()
                    turns.settle(run.find_image)
        troubles.require_answer()

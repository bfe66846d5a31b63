"""One collection in progress: which candidates are tried, and their outcomes."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from queue import SimpleQueue

from collectors.attempt_history import AttemptHistory, carry_over_answer
from collectors.candidate import Candidate
from collectors.candidate_processor import CandidateProcessor, build_attempt, make_storable
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetcher import Fetcher
from collectors.ledger import Ledger
from collectors.outcomes import Outcome
from collectors.raised_limits import may_succeed_now
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.registry import Registry
from data_registry.text.secrets import hide_login

_AHEAD = 2  # candidates in progress for each thread: none idles, and memory stays bounded


class CollectionRun:
    """One collection from one provider; one thread calls every method."""

    def __init__(
        self,
        registry: Registry,
        provider: str,
        settings: CollectSettings,
        *,
        fetcher: Fetcher,
        pool: ThreadPoolExecutor,
        ledger: Ledger,
    ) -> None:
        self._fetcher = fetcher
        self._pool = pool
        self._ledger = ledger
        self._licences = settings.licences
        self._history = AttemptHistory(
            registry.load_last_attempts(provider).values(),
            lambda attempt: may_succeed_now(attempt, settings),
        )
        self._discarded = registry.find_discarded_images()
        self._tombstones = registry.find_tombstones()
        self._processor = CandidateProcessor(
            registry=registry,
            fetcher=fetcher,
            check=settings.check,
            max_bytes=settings.fetch.max_bytes,
            known=registry.find_known_images(),
            discarded=self._discarded,
            tombstones=self._tombstones,
        )
        self._most_in_progress = _AHEAD * settings.threads
        self._in_progress: dict[Future[CollectedImage], str] = {}
        self._done: SimpleQueue[Future[CollectedImage]] = SimpleQueue()
        # By URL: the candidate in progress, then those that wait for its outcome.
        self._waiting: dict[str, list[Source]] = {}
        self._stored: set[str] = set()

    def offer(self, candidate: Candidate) -> None:
        """Accept a candidate; wait while enough are in progress."""
        candidate = replace(candidate, source=_make_storable_source(candidate.source))
        source = candidate.source
        waiting = self._waiting.get(source.url, [])
        if self._history.is_finished(source) or any(w.query == source.query for w in waiting):
            self._ledger.skip()
        elif refusal := self._licences.find_refusal(source):
            self._refuse(source, refusal)
        elif waiting:
            waiting.append(source)
        elif answer := self._history.find_answer(source.url):
            self._carry_over(answer, source)
        else:
            self._submit(candidate)

    def finish(self) -> None:
        """Wait for every candidate in progress."""
        while self._in_progress:
            self._settle()

    def find_image(self, candidate: Candidate) -> str:
        """Find the SHA-256 of the image that a tried candidate yielded; empty without one."""
        answer = self._history.find_answer(_make_storable_source(candidate.source).url)
        return answer.sha256 if answer else ""

    def stop(self) -> None:
        """Write the last rows; start nothing new, and record what is finished."""
        self._fetcher.stop()
        for future in self._in_progress:
            future.cancel()
        wait(self._in_progress)
        for future in list(self._in_progress):
            if not future.cancelled() and future.exception() is None:
                self._take_in(future)
        self._ledger.write()

    def _refuse(self, source: Source, refusal: Outcome) -> None:
        if self._history.is_refused(source, refusal):
            self._ledger.skip()
        else:
            detail = self._licences.explain_refusal(source)
            self._add(CollectedImage(build_attempt(source, refusal, detail=detail)))

    def _submit(self, candidate: Candidate) -> None:
        while len(self._in_progress) >= self._most_in_progress:
            self._settle()
        url = candidate.source.url
        future = self._pool.submit(self._processor.process, candidate)
        self._in_progress[future] = url
        self._waiting[url] = [candidate.source]
        future.add_done_callback(self._done.put)

    def _settle(self) -> None:
        self._take_in(self._done.get())

    def _take_in(self, future: Future[CollectedImage]) -> None:
        _, *followers = self._waiting.pop(self._in_progress.pop(future))
        collected = self._mark_known(future.result())
        self._add(collected)
        for source in followers:
            self._carry_over(collected.attempt, source)

    def _carry_over(self, answer: FetchAttempt, source: Source) -> None:
        self._add(
            CollectedImage(carry_over_answer(answer, source, self._discarded, self._tombstones))
        )

    def _mark_known(self, collected: CollectedImage) -> CollectedImage:
        """Mark the second of two equal images of this run as known instead of stored."""
        attempt = collected.attempt
        if attempt.outcome != Outcome.STORED:
            return collected
        if attempt.sha256 in self._stored:
            return CollectedImage(replace(attempt, outcome=Outcome.KNOWN))
        self._stored.add(attempt.sha256)
        return collected

    def _add(self, collected: CollectedImage) -> None:
        self._history.add(collected.attempt)
        self._ledger.add(collected)


def _make_storable_source(source: Source) -> Source:
    """Make every text storable and remove logins: no URL with one is ever fetched."""
    return Source(
        **{name: hide_login(make_storable(value)) for name, value in vars(source).items()}
    )

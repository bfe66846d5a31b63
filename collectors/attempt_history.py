"""What earlier attempts say about a candidate, so that nothing is fetched twice."""

from collections.abc import Iterable, Set

from collectors.candidate_processor import build_attempt
from collectors.outcomes import Outcome
from data_registry.images.records import FetchAttempt, Source

_UNASKED = frozenset({Outcome.REFUSED_LICENCE, Outcome.UNKNOWN_LICENCE})


class AttemptHistory:
    """The final attempts of one provider, those of this run included.

    A URL is one question: once answered for good, the answer holds for every query that leads
    to it. A candidate that was not taken for its licence was not asked for: that holds for this
    candidate alone, and as long as the rule says the same of it.
    """

    def __init__(self, attempts: Iterable[FetchAttempt]) -> None:
        self._finished: set[tuple[str, str]] = set()
        self._answers: dict[str, FetchAttempt] = {}
        self._unasked: dict[tuple[str, str], str] = {}
        for attempt in attempts:
            self.add(attempt)

    def add(self, attempt: FetchAttempt) -> None:
        """Take note of an attempt; one that may be tried again says nothing for good."""
        if attempt.retryable:
            return
        source = attempt.source
        if attempt.outcome in _UNASKED:
            self._unasked[source.query, source.url] = attempt.outcome
            return
        self._finished.add((source.query, source.url))
        if attempt.sha256 or source.url not in self._answers:
            self._answers[source.url] = attempt

    def is_finished(self, source: Source) -> bool:
        """Whether this very candidate, (query, url), needs no further attempt."""
        return (source.query, source.url) in self._finished

    def is_refused(self, source: Source, outcome: Outcome) -> bool:
        """Whether it is on record that this very candidate is not taken, with this outcome."""
        return self._unasked.get((source.query, source.url)) == outcome

    def find_answer(self, url: str) -> FetchAttempt | None:
        """The final attempt at a URL under any query."""
        return self._answers.get(url)


def carry_over_answer(
    answer: FetchAttempt, source: Source, discarded: Set[str], tombstones: Set[str]
) -> FetchAttempt:
    """The attempt at a candidate whose URL was already answered under another query."""
    outcome, sha256 = Outcome(answer.outcome), answer.sha256
    if sha256 in tombstones:
        outcome, sha256 = Outcome.TOMBSTONED, ""
    elif sha256:
        outcome = Outcome.NOT_KEPT if sha256 in discarded else Outcome.KNOWN
    detail = f"not fetched again; the same URL under {answer.source.query!r}: {answer.detail}"
    return build_attempt(
        source, outcome, sha256=sha256, status=answer.status, detail=detail.removesuffix(": ")
    )

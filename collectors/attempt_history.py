"""Look up earlier attempts at a candidate, so that nothing is fetched twice."""

from collections.abc import Callable, Iterable, Set

from collectors.candidate_processor import build_attempt
from collectors.outcomes import Outcome
from data_registry.images.records import FetchAttempt, Source

_UNASKED = frozenset({Outcome.REFUSED_LICENCE, Outcome.UNKNOWN_LICENCE})


class AttemptHistory:
    """The final attempts of one provider, those of this run included.

    The final outcome of a URL holds for every query that leads to it. A candidate that was refused
    for its licence was never fetched: that outcome holds for this candidate alone, and only while
    the licence rule gives the same outcome.

    Args:
        attempts: the last ones of earlier collections.
        may_succeed: whether another attempt may have another outcome under the present settings.
    """

    def __init__(
        self, attempts: Iterable[FetchAttempt], may_succeed: Callable[[FetchAttempt], bool]
    ) -> None:
        self._may_succeed = may_succeed
        self._finished: set[tuple[str, str]] = set()
        self._answers: dict[str, FetchAttempt] = {}
        self._unasked: dict[tuple[str, str], str] = {}
        for attempt in attempts:
            self.add(attempt)

    def add(self, attempt: FetchAttempt) -> None:
        """Add an attempt; one that may be tried again is not final and is left out."""
        source = attempt.source
        if attempt.outcome in _UNASKED:
            self._unasked[source.query, source.url] = attempt.outcome
            return
        if self._may_succeed(attempt):
            return
        self._finished.add((source.query, source.url))
        if attempt.sha256 or source.url not in self._answers:
            self._answers[source.url] = attempt

    def is_finished(self, source: Source) -> bool:
        """Whether this candidate, named by (query, url), needs no further attempt."""
        return (source.query, source.url) in self._finished

    def is_refused(self, source: Source, outcome: Outcome) -> bool:
        """Whether this candidate was already refused with this outcome."""
        return self._unasked.get((source.query, source.url)) == outcome

    def find_answer(self, url: str) -> FetchAttempt | None:
        """Find the final attempt at a URL under any query."""
        return self._answers.get(url)


def carry_over_answer(
    answer: FetchAttempt, source: Source, discarded: Set[str], tombstones: Set[str]
) -> FetchAttempt:
    """Build the attempt at a candidate whose URL has an outcome under another query."""
    outcome, sha256 = Outcome(answer.outcome), answer.sha256
    if sha256 in tombstones:
        outcome, sha256 = Outcome.TOMBSTONED, ""
    elif sha256:
        outcome = Outcome.NOT_KEPT if sha256 in discarded else Outcome.KNOWN
    detail = f"not fetched again; the same URL under {answer.source.query!r}: {answer.detail}"
    return build_attempt(
        source, outcome, sha256=sha256, status=answer.status, detail=detail.removesuffix(": ")
    )

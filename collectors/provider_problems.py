"""What went wrong with a provider without ending it: records of another shape, queries that failed.

Providers only give candidates, so what they leave out is noted here, and read by who collects:

    with noting() as troubles:
        ...  # providers call `note_bad_record`
    print(troubles.bad_records)
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from data_registry.errors import ProviderError

_log = logging.getLogger(__name__)

_EXAMPLES = 3
_MOST_IN_A_ROW = 5  # queries; a place that answers none of them is asked no further

T = TypeVar("T")


@dataclass
class ProviderProblems:
    """What a provider could not give.

    Attributes:
        bad_records: results of another shape, which were left out.
        examples: what was wrong with the first of them.
        failed: the error that ended each query that failed.
        answered: queries that came to their end, or brought something.
    """

    bad_records: int = 0
    examples: list[str] = field(default_factory=list)
    failed: dict[str, ProviderError] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def fail(self, query: str, error: ProviderError) -> None:
        """Take note of a query that ended in an error.

        Raises:
            ProviderError: nothing but errors has come from this provider for several queries.
        """
        self.failed[query] = error
        if not self.answered and len(self.failed) >= _MOST_IN_A_ROW:
            raise self.combine_errors()

    def require_answer(self) -> None:
        """Raise ProviderError if every query has failed."""
        if self.failed and not self.answered - self.failed.keys():
            raise self.combine_errors()

    def combine_errors(self) -> ProviderError:
        """One error for all: mostly they have the same cause."""
        first, *others = map(str, self.failed.values())
        more = f"\n{len(others)} more failed as well" if others else ""
        return ProviderError(f"{first}{more}")


_current: ContextVar[ProviderProblems | None] = ContextVar("ephyra_troubles", default=None)


@contextmanager
def gather_problems() -> Iterator[ProviderProblems]:
    """Gather what is noted inside."""
    troubles = ProviderProblems()
    token = _current.set(troubles)
    try:
        yield troubles
    finally:
        _current.reset(token)


def note_bad_record(error: ProviderError) -> None:
    """Count a result that was left out, with what was wrong with it."""
    _log.info("left out: %s", error)
    troubles = _current.get()
    if troubles is not None:
        troubles.bad_records += 1
        if len(troubles.examples) < _EXAMPLES:
            troubles.examples.append(str(error))


def search_each(names: Iterable[str], search: Callable[[str], Iterator[T]]) -> Iterator[T]:
    """What is found for one name after the other; an error ends the name and not the rest.

    Raises:
        ProviderError: every name has failed, or the first several.
    """
    troubles = _current.get() or ProviderProblems()
    for name in names:
        try:
            for found in search(name):
                troubles.answered.add(name)
                yield found
            troubles.answered.add(name)
        except ProviderError as error:
            troubles.fail(name, error)
    troubles.require_answer()

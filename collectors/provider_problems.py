"""Problems that do not end a provider: malformed records and failed queries.

Providers only yield candidates. What they leave out is recorded here, for the caller to read:

    with noting() as problems:
        ...  # providers call `note_bad_record`
    print(problems.bad_records)
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
_MOST_IN_A_ROW = 5  # queries; a provider that answers none of them is not asked further

T = TypeVar("T")


@dataclass
class ProviderProblems:
    """What a provider could not yield.

    Attributes:
        bad_records: malformed results, which were left out.
        examples: what was wrong with the first of them.
        failed: the error that ended each query that failed.
        answered: queries that were completed, or yielded a candidate.
    """

    bad_records: int = 0
    examples: list[str] = field(default_factory=list)
    failed: dict[str, ProviderError] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def fail(self, query: str, error: ProviderError) -> None:
        """Record a query that ended in an error.

        Raises:
            ProviderError: several queries have failed and none was answered.
        """
        self.failed[query] = error
        if not self.answered and len(self.failed) >= _MOST_IN_A_ROW:
            raise self.combine_errors()

    def require_answer(self) -> None:
        """Raise ProviderError if every query has failed."""
        if self.failed and not self.answered - self.failed.keys():
            raise self.combine_errors()

    def combine_errors(self) -> ProviderError:
        """Combine the errors into one: mostly they have the same cause."""
        first, *others = map(str, self.failed.values())
        more = f"\n{len(others)} more failed as well" if others else ""
        return ProviderError(f"{first}{more}")


_current: ContextVar[ProviderProblems | None] = ContextVar("ephyra_provider_problems", default=None)


@contextmanager
def gather_problems() -> Iterator[ProviderProblems]:
    """Collect the problems that are recorded inside the `with`."""
    problems = ProviderProblems()
    token = _current.set(problems)
    try:
        yield problems
    finally:
        _current.reset(token)


def note_bad_record(error: ProviderError) -> None:
    """Count a result that was left out, and log why."""
    _log.info("left out: %s", error)
    problems = _current.get()
    if problems is not None:
        problems.bad_records += 1
        if len(problems.examples) < _EXAMPLES:
            problems.examples.append(str(error))


def search_each(names: Iterable[str], search: Callable[[str], Iterator[T]]) -> Iterator[T]:
    """Search for one name after the other; an error ends the name and not the rest.

    Raises:
        ProviderError: every name has failed, or the first several ones.
    """
    problems = _current.get() or ProviderProblems()
    for name in names:
        try:
            for found in search(name):
                problems.answered.add(name)
                yield found
            problems.answered.add(name)
        except ProviderError as error:
            problems.fail(name, error)
    problems.require_answer()

"""Share a class's budget of candidates among its queries.

The queries of a class take turns; each turn is a slice of candidates. A query that yields few new
images stops early, and its budget goes to the class's other queries. Which of two equal images
counts as new depends on the order of the candidates, not on which thread finished first, so a
collection that was killed and continued asks for the same candidates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from collectors.candidate import Candidate, Search
from collectors.provider_problems import ProviderProblems
from data_registry.errors import ProviderError


@dataclass(frozen=True)
class BudgetRule:
    """Limits on the candidates of a class, for providers that search.

    Attributes:
        per_class: maximum number of candidates for all queries of a class together.
        slice_size: candidates of a query in one turn.
        least_new: share of a turn's candidates that must yield a new image; below it the query
            stops.
    """

    per_class: int = 1000
    slice_size: int = 100
    least_new: float = 0.05


@dataclass
class _Query:
    """A query and its progress.

    Attributes:
        name: the search term.
        candidates: the provider's further candidates.
        last: the candidates of its last turn.
        is_open: whether it gets another turn.
    """

    name: str
    candidates: Iterator[Candidate]
    last: list[Candidate] = field(default_factory=list)
    is_open: bool = True


ImageOf = Callable[
    [Candidate], str
]  # SHA-256 of the image that a tried candidate yielded, or empty


class QueryTurns:
    """The turns of one class's queries.

    Args:
        search: yields a query's candidates.
        queries: of one class, in order.
        rule: the budget.
        seen: SHA-256 of images that are not new; those that the queries yield are added.
        problems: records the queries that end in an error; the others continue.
    """

    def __init__(
        self,
        search: Search,
        queries: Sequence[str],
        rule: BudgetRule,
        seen: set[str],
        problems: ProviderProblems | None = None,
    ) -> None:
        self._queries = [_Query(query, _search_lazily(search, query)) for query in queries]
        self._problems = problems or ProviderProblems()
        self._rule = rule
        self._seen = seen
        self._left = rule.per_class

    def take_round(self) -> Iterator[Candidate]:
        """Yield a slice of every open query, within the budget; nothing once all is done."""
        for query in self._queries:
            query.last = []
            if query.is_open and self._left:
                size = min(self._rule.slice_size, self._left)
                for candidate in self._slice(query, size):
                    query.last.append(candidate)
                    yield candidate
                self._left -= len(query.last)
                query.is_open = len(query.last) == size

    def _slice(self, query: _Query, size: int) -> Iterator[Candidate]:
        """Yield the query's next candidates; an error ends the query and keeps what it yielded."""
        try:
            for candidate in islice(query.candidates, size):
                self._problems.answered.add(query.name)
                yield candidate
        except ProviderError as error:
            self._problems.fail(query.name, error)
        else:
            self._problems.answered.add(query.name)

    def settle(self, image_of: ImageOf) -> None:
        """Close queries that yielded few new images; call it when the whole round was tried."""
        for query in self._queries:
            new = sum(self._is_new(image_of(candidate)) for candidate in query.last)
            if new < self._rule.least_new * len(query.last):
                query.is_open = False

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent or no query is open."""
        return not (self._left and any(query.is_open for query in self._queries))

    def _is_new(self, sha256: str) -> bool:
        if not sha256 or sha256 in self._seen:
            return False
        self._seen.add(sha256)
        return True


def _search_lazily(search: Search, query: str) -> Iterator[Candidate]:
    """Search only when the first candidate is requested."""
    yield from search(query)


def group_by_class(
    queries: Sequence[str], class_of_query: Mapping[str, str]
) -> dict[str, list[str]]:
    """Group queries by class, in order; those without a class form one group named ``""``."""
    found: dict[str, list[str]] = {}
    for query in queries:
        found.setdefault(class_of_query.get(query, ""), []).append(query)
    return found

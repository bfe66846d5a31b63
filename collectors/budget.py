"""How many candidates each class may cost, and which of its queries are worth asking further.

A class's queries are asked in turns, a slice each. A query that brings next to nothing new is not
asked again, and what it would have been given goes to the class's other queries. Whether an image
is new is told by the order in which candidates were offered, not by which thread was first, so
that a collection that was killed and continued asks for the same candidates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from collectors.candidate import Candidate, Search
from collectors.provider_problems import ProviderProblems
from data_registry.errors import ProviderError


@dataclass(frozen=True)
class BudgetRule:
    """What queries may cost, with providers that search.

    Attributes:
        per_class: candidates tried at most for all queries of a class together.
        slice_size: candidates of a query in one turn.
        least_new: share of a turn's candidates that must bring a new image; with less, the query
            is not asked further.
    """

    per_class: int = 1000
    slice_size: int = 100
    least_new: float = 0.05


@dataclass
class _Query:
    """A query under way.

    Attributes:
        name: what is searched for.
        candidates: what the provider still has.
        last: the candidates of its last turn.
        is_open: whether it is asked further.
    """

    name: str
    candidates: Iterator[Candidate]
    last: list[Candidate] = field(default_factory=list)
    is_open: bool = True


ImageOf = Callable[[Candidate], str]  # the image a tried candidate brought, or empty


class QueryTurns:
    """The turns of one class's queries.

    Args:
        search: gives a query's candidates.
        queries: of one class, in order.
        rule: the budget.
        seen: images that are not new; those that the queries bring are added.
        troubles: told of the queries that end in an error; the others go on.
    """

    def __init__(
        self,
        search: Search,
        queries: Sequence[str],
        rule: BudgetRule,
        seen: set[str],
        troubles: ProviderProblems | None = None,
    ) -> None:
        self._queries = [_Query(query, _search_lazily(search, query)) for query in queries]
        self._troubles = troubles or ProviderProblems()
        self._rule = rule
        self._seen = seen
        self._left = rule.per_class

    def take_round(self) -> Iterator[Candidate]:
        """A slice of every open query, as far as the budget goes; nothing once all is done."""
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
        """What the query gives next; an error ends it, with what it gave before."""
        try:
            for candidate in islice(query.candidates, size):
                self._troubles.answered.add(query.name)
                yield candidate
        except ProviderError as error:
            self._troubles.fail(query.name, error)
        else:
            self._troubles.answered.add(query.name)

    def settle(self, image_of: ImageOf) -> None:
        """Judge the round: every candidate of it was tried."""
        for query in self._queries:
            new = sum(self._is_new(image_of(candidate)) for candidate in query.last)
            if new < self._rule.least_new * len(query.last):
                query.is_open = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to ask for, or to ask with."""
        return not (self._left and any(query.is_open for query in self._queries))

    def _is_new(self, sha256: str) -> bool:
        if not sha256 or sha256 in self._seen:
            return False
        self._seen.add(sha256)
        return True


def _search_lazily(search: Search, query: str) -> Iterator[Candidate]:
    """The query's candidates; it is not asked before the first is wanted."""
    yield from search(query)


def group_by_class(
    queries: Sequence[str], class_of_query: Mapping[str, str]
) -> dict[str, list[str]]:
    """The queries of each class, in order; those of no class are one more class, unnamed."""
    found: dict[str, list[str]] = {}
    for query in queries:
        found.setdefault(class_of_query.get(query, ""), []).append(query)
    return found

"""Read the fields of an API's JSON answer, and report what does not have the expected shape."""

import reprlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from collectors.provider_problems import note_bad_record
from data_registry.errors import ProviderError

_MOST_DIGITS = 18
_SHOWN = 80  # characters of a malformed answer in an error message

T = TypeVar("T")


@dataclass
class Tally:
    """Counts the usable results of one search, with the error of the first malformed one."""

    good: int = 0
    bad: int = 0
    error: ProviderError | None = None

    def leave_out(self, error: ProviderError) -> None:
        """Count a malformed result."""
        self.bad += 1
        self.error = self.error or error
        note_bad_record(error)

    def require_one(self) -> None:
        """Raise ProviderError if there were results and none was usable."""
        if self.error is not None and not self.good:
            raise self.error


@dataclass(frozen=True)
class Fields:
    """An API's answer, or a part of it.

    Attributes:
        value: decoded JSON; each method states what it expects.
        url: the request, for error messages.
        tally: counts the usable and the malformed results.
    """

    value: Any
    url: str
    tally: Tally = field(default_factory=Tally, repr=False, compare=False)

    def text(self, key: str) -> str:
        """Read a text; empty if it is null or missing.

        Raises:
            ProviderError: it is something else.
        """
        value = self._get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong_shape(f"{key} = {_shorten(value)}", "text or null")
        # JSON may hold halves of characters, which no database and no URL takes
        return value.encode("utf-8", "replace").decode("utf-8")

    def number(self, key: str) -> int:
        """Read a whole number of at least 0, also one written as text; 0 if there is none."""
        value = self._get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:_MOST_DIGITS])
        return value if type(value) is int and value > 0 else 0

    def part(self, key: str) -> "Fields":
        """Read an object; an empty one if it is null, missing, or an empty list (as in PHP)."""
        return Fields(self._get(key) or {}, self.url, self.tally)

    def parts(self, key: str, required: str = "") -> list["Fields"]:
        """Read the objects of a list.

        Args:
            key: the list's name.
            required: a key that each object must have; empty: none.

        Raises:
            ProviderError: there is no list, or one of its members is no such object.
        """
        return [self._check_object(each, required) for each in self.items(key)]

    def each(
        self, key: str, build: Callable[["Fields"], Iterable[T]], required: str = ""
    ) -> Iterator[T]:
        """Build something from each object of a list; leave out and count malformed ones.

        Args:
            key: the list's name.
            build: yields the results of an object; ProviderError means that it is malformed.
            required: a key that each object must have.

        Raises:
            ProviderError: there is no list.
        """
        for each in self.items(key):
            bad = self.tally.bad
            try:
                built = list(build(self._check_object(each, required)))
            except ProviderError as error:
                self.tally.leave_out(error)
                continue
            # an object whose own parts were all left out is not usable
            self.tally.good += bool(built) or self.tally.bad == bad
            yield from built

    def numbers(self, key: str, name: str) -> list[int]:
        """Read the numbers of this name from the objects of a list."""
        parts = (Fields(each, self.url) for each in self.items(key) if isinstance(each, dict))
        return [part.number(name) for part in parts]

    def items(self, key: str) -> list[Any]:
        """Read a list of anything.

        Raises:
            ProviderError: there is none.
        """
        found = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(found, list):
            raise self.wrong_shape(_shorten(self.value), f"an object with a list `{key}`")
        return found

    def _check_object(self, value: Any, required: str) -> "Fields":
        lacks = isinstance(value, dict) and required and value.get(required) in (None, "")
        if lacks or not isinstance(value, dict):
            expected = f"an object with a `{required}`" if required else "an object"
            raise self.wrong_shape(f"a result {_shorten(value)}", expected)
        return Fields(value, self.url, self.tally)

    def _get(self, key: str) -> Any:
        if not isinstance(self.value, dict):
            raise self.wrong_shape(_shorten(self.value), f"an object with `{key}`")
        return self.value.get(key)

    def wrong_shape(self, found: str, expected: str) -> ProviderError:
        """Build the error for an answer that does not match the API's documentation."""
        return build_shape_error(self.url, found, expected)


def build_shape_error(url: str, found: str, expected: str) -> ProviderError:
    """Build the error for an answer that does not have the expected shape."""
    return ProviderError(
        f"the answer of {url} does not have the expected shape: found {found}, expected "
        f"{expected}. Check that the address is that of an image search of this kind"
    )


def _shorten(value: object) -> str:
    """Shorten a value, however large and deeply nested, for a message."""
    text = value if isinstance(value, str) else _brief.repr(value)
    return repr(text[:_SHOWN])


_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _SHOWN

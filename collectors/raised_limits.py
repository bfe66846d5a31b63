"""Decide whether an attempt that failed may succeed under the present settings.

A limit of the project file refuses an image for good, until the user changes the limit. The limit
that refused it is part of the attempt's detail: "60,000,000 pixels; at most 50,000,000 are
decoded".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collectors.collect_settings import CollectSettings
from collectors.outcomes import Outcome
from data_registry.images.records import FetchAttempt

_NUMBER = r"(\d[\d,]*)"


@dataclass(frozen=True)
class _Limit:
    """A limit of the settings, and how an attempt's detail states it.

    Attributes:
        stated: finds the limit that refused the image.
        needed: finds the limit that the image needs; None where that is not stated.
        present: returns the present limit.
        is_lower_bound: whether a smaller limit accepts more images.
    """

    stated: re.Pattern[str]
    needed: re.Pattern[str] | None
    present: Callable[[CollectSettings], int]
    is_lower_bound: bool = False

    def accepts(self, detail: str, settings: CollectSettings) -> bool:
        """Whether the present limit may accept what the limit of that time refused."""
        stated = self.stated.search(detail)
        if stated is None:
            return False
        then, now = _parse_number(stated), self.present(settings)
        if self.is_lower_bound:
            return now < then
        needed = self.needed.search(detail) if self.needed else None
        return now > then and (needed is None or now >= _parse_number(needed))


_BYTES = _Limit(
    re.compile(rf"at most {_NUMBER} bytes are accepted"),
    re.compile(rf"{_NUMBER} bytes are announced"),
    lambda settings: settings.fetch.max_bytes,
)
_LIMITS: Mapping[str, _Limit] = {
    Outcome.TOO_LARGE: _BYTES,
    Outcome.ENCODING_BOMB: _BYTES,
    Outcome.TOO_MANY_PIXELS: _Limit(
        re.compile(rf"at most {_NUMBER} are decoded"),
        re.compile(rf"is {_NUMBER} pixels"),
        lambda settings: settings.check.max_pixels,
    ),
    Outcome.TOO_MUCH_MEMORY: _Limit(
        re.compile(rf"{_NUMBER} are given"),
        re.compile(rf"takes about {_NUMBER} bytes"),
        lambda settings: settings.check.memory_bytes,
    ),
    Outcome.TOO_SMALL: _Limit(
        re.compile(rf"at least {_NUMBER} a side are expected"),
        None,
        lambda settings: settings.check.min_side,
        is_lower_bound=True,
    ),
}
_LICENCE_OUTCOMES = frozenset({Outcome.REFUSED_LICENCE, Outcome.UNKNOWN_LICENCE})


def may_succeed_now(attempt: FetchAttempt, settings: CollectSettings) -> bool:
    """Whether another attempt may have another outcome.

    It may where the failure was a passing one, where a limit that refused the image was changed to
    accept it, and where the licence rule was.
    """
    if attempt.outcome in _LICENCE_OUTCOMES:
        return settings.licences.find_refusal(attempt.source) is None
    limit = _LIMITS.get(attempt.outcome)
    return attempt.retryable or (limit is not None and limit.accepts(attempt.detail, settings))


def _parse_number(match: re.Match[str]) -> int:
    return int(match[1].replace(",", ""))

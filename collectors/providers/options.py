"""Check a provider's options in the project file against its parameters."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collectors.fetch.fetched import FetchSettings
from data_registry.errors import ProviderError
from data_registry.text.wording import suggest_name

Check = tuple[str, Callable[[Any], bool]]
_MOST = 1_000_000_000  # of any number: infinity is none
_LEAST = 1e-6  # of a rate or size: the system cannot wait for years


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


_CHECKS: Mapping[Any, Check] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    str: ("text", lambda value: isinstance(value, str)),
    str | Path: ("a path", lambda value: isinstance(value, str | Path)),
    str | int: ("text or a whole number", lambda value: type(value) in (str, int)),
    int: ("a whole number of at least 0", lambda v: type(v) is int and 0 <= v < _MOST),
    float: (
        f"a number of at least {_LEAST:f} and below {_MOST:,}",
        lambda v: _is_number(v) and _LEAST <= v < _MOST,
    ),
    Sequence[str]: ("a list of texts", _is_texts),
}


def build_arguments(
    kind: str, make: Callable[..., object], options: Mapping[str, object], fetch: FetchSettings
) -> dict[str, object]:
    """Build the arguments of a provider's class or function.

    Args:
        kind: its name in messages.
        make: the class or function; a parameter `fetch` receives the settings.
        options: arguments by name. Those with a plain type as annotation are checked.
        fetch: limits and contact.

    Raises:
        ProviderError: an option is unknown, missing, or of another type.
    """
    parameters = inspect.signature(make).parameters
    given = {**options, "fetch": fetch} if "fetch" in parameters else dict(options)
    try:
        inspect.signature(make).bind(**given)
    except TypeError as error:
        raise ProviderError(
            f"the options of provider {kind!r} do not fit: {_explain_misfit(parameters, given)}"
        ) from error
    for name, value in options.items():
        # a parameter **options has no entry under the option's own name
        annotation = parameters[name].annotation if name in parameters else None
        expected, fits = _CHECKS.get(annotation, ("", lambda _: True))
        if not fits(value):
            raise ProviderError(
                f"the provider {kind!r} has {name} = {value!r}; expected {expected}"
            )
    return given


def _explain_misfit(parameters: Mapping[str, inspect.Parameter], given: Iterable[str]) -> str:
    """Name the unknown and the missing options, and all known ones."""
    plain = {
        name: each
        for name, each in parameters.items()
        if name != "fetch" and each.kind is not inspect.Parameter.VAR_KEYWORD
    }
    asked = set(given) - {"fetch"}
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    unknown = [] if takes_any else sorted(asked - set(plain))
    missing = [
        name
        for name, each in plain.items()
        if each.default is inspect.Parameter.empty and name not in asked
    ]
    words = [f"it has no {name}{suggest_name(name, plain)}" for name in unknown]
    words += [f"{', '.join(missing)} is missing"] if missing else []
    return f"{'; '.join(words)}. It takes: {', '.join(plain)}"

"""Arguments of a model as a command line gives them: NAME=VALUE."""

import json
from collections.abc import Iterable
from typing import Any

from data_registry.errors import InputError


def parse_model_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """Parse values by name: numbers, true and false as such, anything else as text.

    Raises:
        InputError: one of them is no NAME=VALUE.
    """
    arguments = {}
    for text in texts:
        name, is_set, value = text.partition("=")
        if not (is_set and name.isidentifier()):
            raise InputError(f"model argument {text!r}: expected NAME=VALUE, such as pad_type=same")
        arguments[name] = _parse_value(value)
    return arguments


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

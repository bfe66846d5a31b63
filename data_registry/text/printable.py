"""Make text from outside safe to show: on a terminal, in a log, in Markdown, on a page.

Servers, creators and files name themselves as they like. A terminal obeys escape sequences, and a
reader believes the order of the letters; so the characters that steer either are replaced wherever
text is shown. What is stored keeps them.
"""

from typing import Any

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_KEPT = {ord("\n"), ord("\t")}
_CONTROLS = {*range(0x20), *range(0x7F, 0xA0)} - _KEPT  # C0, DEL and C1
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # overrides, embeddings, isolates
_SEPARATORS = {0x2028, 0x2029}  # lines and paragraphs, to some terminals and to JavaScript
_INVISIBLE = {0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)}
_SURROGATES = range(0xD800, 0xE000)  # halves of characters, which nothing can write
_TABLE = dict.fromkeys(
    [*_CONTROLS, *_DIRECTIONS, *_SEPARATORS, *_INVISIBLE, *_SURROGATES], _REPLACED
)


def make_printable(text: str) -> str:
    """Replace control characters, bidirectional overrides and lone surrogates.

    Each becomes U+FFFD; line feeds and tabs stay.
    """
    return text if text.isprintable() else text.translate(_TABLE)


def make_one_line(text: str) -> str:
    """Make a text printable on one line, for example a name in a log or a list."""
    return make_printable(" ".join(text.split()))


def make_value_printable(value: Any) -> Any:
    """Make the texts of a value printable, including those in lists and mappings.

    Markup that a template has made does not change.
    """
    if type(value) is str:
        return make_printable(value)
    if isinstance(value, dict):
        return {
            make_value_printable(key): make_value_printable(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(map(make_value_printable, value))
    return value

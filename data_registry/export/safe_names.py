"""Folder names for classes: safe on every file system, and no two the same on any."""

import hashlib
import unicodedata
from collections.abc import Iterable

_UNSAFE = frozenset('<>:"/\\|?*%')
_FIRST_PRINTABLE = 32
_DELETE = "\x7f"
# Names that Windows keeps for devices, whatever their extension.
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_LONGEST = 200  # bytes; file systems take 255
_DIGEST = 12


def build_folder_names(class_names: Iterable[str]) -> dict[str, str]:
    """Each class and its folder's name: the class's own wherever that is safe.

    Unsafe characters become ``%`` and two hexadecimal digits a byte, as in URLs. Names that a
    file system may take for one (``Daisy`` and ``daisy``) are told apart by a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for class_name in sorted(set(class_names)):
        safe = candidate = _make_safe(class_name)
        number = 2
        while _canonicalise_name(candidate) in taken:
            candidate = f"{safe}%{number}"
            number += 1
        taken.add(_canonicalise_name(candidate))
        names[class_name] = candidate
    return names


def _make_safe(name: str) -> str:
    characters = [
        _escape_character(character) if _is_unsafe(character) else character for character in name
    ]
    if name.startswith(".") or name.partition(".")[0].casefold() in _DEVICES:
        characters[0] = _escape_character(name[0])
    if name.endswith((".", " ")):
        characters[-1] = _escape_character(name[-1])
    safe = "".join(characters)
    if len(safe.encode()) <= _LONGEST:
        return safe
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{safe.encode()[: _LONGEST - _DIGEST - 1].decode(errors='ignore')}%{digest}"


def _is_unsafe(character: str) -> bool:
    return character in _UNSAFE or ord(character) < _FIRST_PRINTABLE or character == _DELETE


def _escape_character(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _canonicalise_name(name: str) -> str:
    """What a file system sees that heeds neither case nor the way accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

"""Build folder names for classes: valid on every file system and distinct on each."""

import hashlib
import unicodedata
from collections.abc import Iterable

_UNSAFE = frozenset('<>:"/\\|?*%')
_FIRST_PRINTABLE = 32
_DELETE = "\x7f"
# Names that Windows reserves for devices, with any extension.
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_LONGEST = 200  # bytes; file systems take 255
_DIGEST = 12


def build_folder_names(class_names: Iterable[str]) -> dict[str, str]:
    """Build each class's folder name: the class's own name where it is safe.

    Unsafe characters become ``%`` and two hexadecimal digits a byte, as in URLs. Names that some
    file system cannot tell apart (``Daisy`` and ``daisy``) get a number.
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
    """Reduce a name to what file systems that ignore case and accent composition compare."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

"""Turn names of files and folders into text that can be stored and compared.

A name on disk is bytes on Unix, need not be UTF-8, and may be composed in several ways. Everything
that is stored, shown or compared goes through this module first.
"""

import re
import unicodedata

# Made by systems and tools beside photographs: previews, indexes, bins, other forks of a file.
_SYSTEM_NAMES = frozenset(
    [
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "picasa.ini",
        "icon\r",
        "__macosx",
        "@eadir",
        "@__thumb",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "@tmp",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "__pycache__",
    ]
)
_SYSTEM_ENDS = (".lrdata",)  # Lightroom's previews
HIDDEN = "hidden"
SYSTEM = "made by a system or a tool, no photographs"

_ESCAPED = re.compile(r"\\x[0-9A-F]{2}")
_LONGEST_NAME = 255  # bytes, on the usual file systems
# Joiners, fillers and variation selectors, which are no format characters to Unicode.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Small Cyrillic and Greek letters that fonts draw as Latin ones, the minus sign, and apostrophes.
_LOOK_ALIKE = {
    **dict(
        zip(
            "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u043e\u0440\u051b\u0455\u051d\u0445\u0443",
            "acdehijopqswxy",
            strict=True,
        )
    ),
    "\u03bf": "o",
    "\u2212": "-",
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    "_": " ",
}
_FIRST_SURROGATE = 0xDC00  # Python's stand-ins for bytes that are no UTF-8: U+DC80 to U+DCFF


def escape_file_name(name: str) -> str:
    r"""Escape a name so that every database, page and terminal accepts it.

    Bytes that are not UTF-8 and control characters become ``\xF1``. Different names stay different:
    a name that looks escaped already has its backslashes escaped. Other names do not change.
    """
    if not (_ESCAPED.search(name) or any(map(_is_unsafe, name))):
        return name
    return "".join(
        _escape_character(each) if each == "\\" or _is_unsafe(each) else each for each in name
    )


def explain_omission(name: str) -> str:
    """Explain why an entry is skipped by its name; empty where it is not skipped."""
    if name.startswith("."):
        return HIDDEN
    folded = name.casefold()
    return SYSTEM if folded in _SYSTEM_NAMES or folded.endswith(_SYSTEM_ENDS) else ""


def derive_class_name(folder_name: str) -> str:
    """Derive the class from a folder's name: composed (NFC), without outer spaces.

    macOS decomposes names (NFD), so the same class has other bytes there.
    """
    return compose_accents(escape_file_name(folder_name)).strip()


def compose_accents(text: str) -> str:
    """Compose accents (NFC), as most systems write them."""
    return unicodedata.normalize("NFC", text)


def normalise_for_comparison(name: str) -> str:
    """Normalise a name so that names which look the same compare equal.

    Case, composition, width, invisible characters, the kind of dash and apostrophe, runs of spaces,
    and trailing dots and spaces (which Windows drops) are ignored. ``_`` is a space, as pages show
    it; Cyrillic and Greek letters that look Latin are; bytes that are not UTF-8 are Latin-1.
    """
    plain = unicodedata.normalize("NFKC", "".join(map(_decode_as_latin, name))).casefold()
    seen = "".join(map(_simplify_character, unicodedata.normalize("NFKC", plain)))
    return " ".join(compose_accents(seen).split()).rstrip(". ")


def explain_unusable_class_name(name: str) -> str:
    """Explain why no folder that is read can have a class's name; empty where one can."""
    if not normalise_for_comparison(name):
        return "it holds nothing but spaces, dots or signs that cannot be seen"
    if "/" in name:
        return "a folder's name holds no /"
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        return f"a folder's name has at most {_LONGEST_NAME} bytes"
    reason = explain_omission(name)
    return f"a folder called so is not read ({reason})" if reason else ""


def _simplify_character(character: str) -> str:
    """Return what a character looks like: nothing, a dash, or a Latin letter."""
    if unicodedata.category(character) == "Cf" or _UNSEEN.match(character):
        return ""
    if unicodedata.category(character) == "Pd":
        return "-"
    return _LOOK_ALIKE.get(character, character)


def _is_unsafe(character: str) -> bool:
    # control characters, and halves of surrogate pairs
    return unicodedata.category(character) in ("Cc", "Cs")


def _escape_character(character: str) -> str:
    data = character.encode("utf-8", "surrogatepass")
    if character != _decode_as_latin(character):
        data = bytes([ord(character) - _FIRST_SURROGATE])
    return "".join(f"\\x{byte:02X}" for byte in data)


def _decode_as_latin(character: str) -> str:
    code = ord(character) - _FIRST_SURROGATE
    return chr(code) if 0x80 <= code <= 0xFF else character

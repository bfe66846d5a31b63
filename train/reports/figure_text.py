"""Names of classes and models as figures can show them: any script, any length, no surprises.

A font has letters of some scripts only. Where DejaVu Sans lacks one, the fonts of this machine are
asked; a letter that none of them has is written as an escape, never as an empty box.
"""

import functools
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib import font_manager

from data_registry.text.wording import format_class_name

MAIN_FONT = "DejaVu Sans"
_log = logging.getLogger(__name__)
_LONGEST = 36  # letters of a label
_TAIL = 10  # of them from the name's end, where it is cut
_WIDE = frozenset("WF")
_VARIANTS = frozenset(map(chr, range(0xFE00, 0xFE10)))  # "in colour", for an emoji
# They claim letters that they show as something else: TeX's own encodings, and boxes of hex digits.
_MISLEADING = ("cm", "Last Resort", "STIXNonUnicode", "STIXSize")
_PLAIN_WEIGHT = 400


@dataclass(frozen=True)
class Lettering:
    """How names are written in one figure.

    Attributes:
        families: fonts in the order in which a letter is looked for.
        labels: what is written for each name; no two are alike.
    """

    families: tuple[str, ...]
    labels: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.labels[name]

    @property
    def longest(self) -> int:
        """Letters of the longest label; those of East Asian scripts count twice."""
        return max(map(measure_width, self.labels.values()), default=0)


def choose_lettering(names: Iterable[str], class_names: Iterable[str] = ()) -> Lettering:
    """Choose fonts and labels for names; a name that can be shown as it is stays so.

    Args:
        names: of arms, models or runs.
        class_names: further names, whose underscores become spaces as on the pages.
    """
    texts_of = {name: format_class_name(name) for name in class_names}
    texts_of |= {name: name for name in names}
    names, texts = list(texts_of), [_make_one_line(text) for text in texts_of.values()]
    wanted = {character for text in texts for character in text}
    families, missing = _find_fonts(wanted)
    if missing:
        _log.warning(
            "no font on this machine has %s: figures show escapes instead; install a font of "
            "that script, such as Noto Sans CJK",
            " ".join(_escape(character) for character in sorted(missing)[:10]),
        )
    labels = [_truncate(text, missing) for text in texts]
    return Lettering(families, dict(zip(names, _make_distinct(labels), strict=True)))


@dataclass(frozen=True)
class OneFont:
    """A font for programs that cannot take each letter from another one.

    Attributes:
        file: that has the most of the letters wanted.
        missing: those it has not.
    """

    file: str
    missing: frozenset[str]

    def render(self, name: str) -> str:
        """Write the name on one line; a character that the font lacks becomes an escape."""
        pieces = (
            _escape(piece) if piece in self.missing else piece for piece in _make_one_line(name)
        )
        return "".join(pieces)


def choose_one_font(names: Iterable[str]) -> OneFont:
    """Choose the installed font that has the most characters of these names."""
    wanted = {ord(character) for name in names for character in _make_one_line(name)}
    files = [_find_main_font()]
    if wanted - _read_letters(files[0]):
        files += [font_manager.findfont(family) for family, _ in _list_other_fonts()]
    file = max(files, key=lambda name: len(wanted & _read_letters(name)))
    return OneFont(file, frozenset(map(chr, wanted - _read_letters(file))))


def measure_width(text: str) -> int:
    """Letters of a text; those of East Asian scripts count twice."""
    return sum(1 + (unicodedata.east_asian_width(character) in _WIDE) for character in text)


def _make_one_line(name: str) -> str:
    """Without what cannot be seen: line ends, control characters, marks of direction."""
    spaced = "".join(" " if character.isspace() else character for character in name)
    seen = (c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf"} and c not in _VARIANTS)
    return " ".join("".join(seen).split()) or ascii(name)


def _truncate(text: str, missing: frozenset[str]) -> str:
    """Keep the beginning and the end of a long text; escapes stay whole."""
    pieces = [_escape(piece) if piece in missing else piece for piece in text]
    if sum(map(measure_width, pieces)) <= _LONGEST:
        return "".join(pieces)
    head = _take_fitting(pieces, _LONGEST - _TAIL - 1)
    tail = _take_fitting(pieces[::-1], _TAIL)
    return f"{''.join(head)}…{''.join(tail[::-1])}"


def _take_fitting(pieces: Sequence[str], room: int) -> list[str]:
    found: list[str] = []
    for piece in pieces:
        room -= measure_width(piece)
        if room < 0:
            break
        found.append(piece)
    return found


def _make_distinct(labels: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for label in labels:
        number, distinct = 1, label
        while distinct in found:
            number += 1
            distinct = f"{label} ({number})"
        found[distinct] = None
    return list(found)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def _find_fonts(wanted: Iterable[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that together have the letters, and the letters that none has."""
    missing = {ord(character) for character in wanted} - _read_letters(_find_main_font())
    families = [MAIN_FONT]
    while missing:
        offers = ((len(missing & letters), family) for family, letters in _list_other_fonts())
        count, family = max(offers, default=(0, ""))
        if not count:
            break
        families.append(family)
        missing -= dict(_list_other_fonts())[family]
    return tuple(families), frozenset(map(chr, missing))


def _find_main_font() -> str:
    return font_manager.findfont(MAIN_FONT)


def _list_other_fonts() -> list[tuple[str, frozenset[int]]]:
    """List the characters of every upright font of ordinary weight."""
    found: dict[str, frozenset[int]] = {}
    for entry in font_manager.fontManager.ttflist:
        is_plain = entry.style == "normal" and entry.weight == _PLAIN_WEIGHT
        if is_plain and entry.name not in found and not entry.name.startswith(_MISLEADING):
            found[entry.name] = _read_letters(font_manager.findfont(entry.name))
    return list(found.items())


@functools.cache
def _read_letters(file: str) -> frozenset[int]:
    """Read the code points that a font has; none where it cannot be drawn at any size."""
    try:
        font = font_manager.get_font(file)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):  # a damaged font, or one of pictures
        return frozenset()

"""Link images by file names: `aug-3-medusa.jpg` was made from `medusa.jpg`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from data_registry.errors import ProjectFileError

_SOURCE, _NUMBER = "SRC", "N"
_EXPRESSIONS = {_SOURCE: r"(?P<source>.+)", _NUMBER: r"\d++"}


@dataclass(frozen=True)
class ImportedFile:
    """An imported file: its image, its class and its path below the imported folder."""

    sha256: str
    class_name: str
    path: str

    @property
    def folder(self) -> str:
        """Its folder."""
        return str(PurePosixPath(self.path).parent)

    @property
    def stem(self) -> str:
        """Its name without folder and extension."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class NamePattern:
    """A parsed pattern such as ``aug-N-SRC``.

    A regular expression tries every way to share a run of digits among several ``N`` with digits
    between them, which takes seconds for a long run. For such a pattern each part is tested once
    at each position of the name instead. Where no digit follows an ``N``, it takes all digits.

    Attributes:
        parts: ``SRC``, ``N`` and literal text, in order.
        expression: the whole, where an ``N`` never has to give digits back.
    """

    parts: tuple[str, ...]
    expression: re.Pattern[str] | None

    def match_stem(self, stem: str) -> Mapping[str, str] | None:
        """Match a whole stem; return the longest ``source``, or None if the stem does not match."""
        if self.expression is not None:
            match = self.expression.fullmatch(stem)
            return match and match.groupdict()
        fits = self._find_fits(stem)
        if not fits[0][0]:
            return None
        position, source = 0, ""
        for number, part in enumerate(self.parts):
            start, position = (
                position,
                self._find_end(part, fits[number], fits[number + 1], position),
            )
            source = stem[start:position] if part == _SOURCE else source
        return {"source": source}

    def _find_fits(self, stem: str) -> list[list[bool]]:
        """Find, for each part and position, whether the parts from here fit the stem from there."""
        fits = [[False] * len(stem) + [True]]
        for part in reversed(self.parts):
            behind = fits[-1]
            here = [False] * (len(stem) + 1)
            for position in range(len(stem) - 1, -1, -1):
                if part in (_SOURCE, _NUMBER):
                    taken = (
                        stem[position].isdecimal() if part == _NUMBER else stem[position] != "\n"
                    )
                    here[position] = taken and (here[position + 1] or behind[position + 1])
                elif stem.startswith(part, position):
                    here[position] = behind[position + len(part)]
            fits.append(here)
        return fits[::-1]

    def _find_end(self, part: str, here: list[bool], behind: list[bool], position: int) -> int:
        """Find the latest position at which a part may end."""
        if part not in (_SOURCE, _NUMBER):
            return position + len(part)
        position += 1
        while here[position] or not behind[position]:
            position += 1
        return position


def compile_pattern(pattern: str) -> NamePattern:
    """Parse a pattern such as ``aug-N-SRC``, to match file stems.

    ``SRC`` is the stem of the source file, ``N`` a number, and everything else literal text.

    Raises:
        ProjectFileError: the pattern does not hold ``SRC`` exactly once.
    """
    if pattern.count(_SOURCE) != 1:
        raise ProjectFileError(
            f"name pattern {pattern!r} must hold SRC exactly once, for the name of the file an "
            "image was made from; for example 'aug-N-SRC' for aug-3-medusa.jpg"
        )
    found = re.split(r"(SRC|(?<![A-Za-z])N(?![A-Za-z]))", pattern)
    parts = tuple(part for part in found if part)
    after_numbers = (last for first, last in pairwise(parts) if first == _NUMBER)
    if any(part[0].isdecimal() for part in after_numbers):
        return NamePattern(parts, None)
    expression = "".join(_EXPRESSIONS.get(part, re.escape(part)) for part in parts)
    return NamePattern(parts, re.compile(expression))


def find_name_links(
    images: Iterable[ImportedFile], patterns: Sequence[str]
) -> list[tuple[str, str, float]]:
    """Find pairs of images that belong together by their names, each with distance 0.

    The source is searched in the same class: first in the file's own folder, then in the class's
    other folders (other splits), since many sets number each folder from 1. Files whose source is
    missing are linked to each other.
    """
    compiled = [compile_pattern(pattern) for pattern in patterns]
    catalogue = _Catalogue(images)
    pairs: set[tuple[str, str]] = set()
    orphans: dict[tuple[str, str], str] = {}
    for image in catalogue.images:
        stem = _find_source_stem(image.stem, compiled)
        if stem is None:
            continue
        sources = catalogue.find_sources(image, stem)
        if not sources:
            first = orphans.setdefault((image.class_name, stem), image.sha256)
            sources = [first]
        pairs |= {
            (min(image.sha256, other), max(image.sha256, other))
            for other in sources
            if other != image.sha256
        }
    return sorted((first, second, 0.0) for first, second in pairs)


def _find_source_stem(stem: str, patterns: Sequence[NamePattern]) -> str | None:
    matches = (pattern.match_stem(stem) for pattern in patterns)
    return next((match["source"] for match in matches if match), None)


class _Catalogue:
    """Finds images by class, folder and stem."""

    def __init__(self, images: Iterable[ImportedFile]) -> None:
        self.images = sorted(images, key=lambda image: (image.path, image.sha256))
        self._in_folder: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._in_class: dict[tuple[str, str], list[str]] = defaultdict(list)
        for image in self.images:
            self._in_folder[image.folder, image.stem].append(image.sha256)
            self._in_class[image.class_name, image.stem].append(image.sha256)

    def find_sources(self, image: ImportedFile, stem: str) -> list[str]:
        nearby = self._in_folder.get((image.folder, stem))
        return nearby or self._in_class.get((image.class_name, stem), [])

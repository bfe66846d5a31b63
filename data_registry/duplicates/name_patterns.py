"""What file names tell: `aug-3-medusa.jpg` was made from `medusa.jpg`."""

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
        """The folder it lies in."""
        return str(PurePosixPath(self.path).parent)

    @property
    def stem(self) -> str:
        """Its name without folder and extension."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class NamePattern:
    """A pattern such as ``aug-N-SRC``, taken apart.

    A regular expression tries every way to share a run of digits among several ``N`` with digits
    between them, which takes seconds for a long run. Such a pattern's parts are asked once for each
    place of the name instead. Where no digit follows an ``N``, it takes all digits there are.

    Attributes:
        parts: ``SRC``, ``N`` and what stands for itself, in order.
        expression: the whole, where an ``N`` never has to give digits back.
    """

    parts: tuple[str, ...]
    expression: re.Pattern[str] | None

    def fullmatch(self, stem: str) -> Mapping[str, str] | None:
        """The ``source`` that a whole stem names, as long as it can be; None if it does not fit."""
        if self.expression is not None:
            match = self.expression.fullmatch(stem)
            return match and match.groupdict()
        fits = self._fits(stem)
        if not fits[0][0]:
            return None
        place, source = 0, ""
        for number, part in enumerate(self.parts):
            start, place = place, self._end(part, fits[number], fits[number + 1], place)
            source = stem[start:place] if part == _SOURCE else source
        return {"source": source}

    def _fits(self, stem: str) -> list[list[bool]]:
        """For each part and place: whether the parts from here on fit the stem from there on."""
        fits = [[False] * len(stem) + [True]]
        for part in reversed(self.parts):
            behind = fits[-1]
            here = [False] * (len(stem) + 1)
            for place in range(len(stem) - 1, -1, -1):
                if part in (_SOURCE, _NUMBER):
                    taken = stem[place].isdecimal() if part == _NUMBER else stem[place] != "\n"
                    here[place] = taken and (here[place + 1] or behind[place + 1])
                elif stem.startswith(part, place):
                    here[place] = behind[place + len(part)]
            fits.append(here)
        return fits[::-1]

    def _end(self, part: str, here: list[bool], behind: list[bool], place: int) -> int:
        """Where a part ends: as late as what follows it allows."""
        if part not in (_SOURCE, _NUMBER):
            return place + len(part)
        place += 1
        while here[place] or not behind[place]:
            place += 1
        return place


def compile_pattern(pattern: str) -> NamePattern:
    """Take a pattern such as ``aug-N-SRC`` apart, to find it in file stems.

    ``SRC`` stands for the stem of the file it was made from, ``N`` for a number, and everything
    else for itself.

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
    """Pairs of images that their names tie together, each with distance 0.

    The source is looked for in the same class: in the file's own folder, and only where it is
    not there in the class's other folders (other splits), since many sets number each folder
    from 1. Files whose source is missing are tied to each other.
    """
    compiled = [compile_pattern(pattern) for pattern in patterns]
    catalogue = _Catalogue(images)
    pairs: set[tuple[str, str]] = set()
    orphans: dict[tuple[str, str], str] = {}
    for image in catalogue.images:
        stem = _find_source_stem(image.stem, compiled)
        if stem is None:
            continue
        sources = catalogue.sources_of(image, stem)
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
    matches = (pattern.fullmatch(stem) for pattern in patterns)
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

    def sources_of(self, image: ImportedFile, stem: str) -> list[str]:
        nearby = self._in_folder.get((image.folder, stem))
        return nearby or self._in_class.get((image.class_name, stem), [])

"""What file names tell: `aug-3-medusa.jpg` was made from `medusa.jpg`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from data_registry.errors import ProjectFileError

_TOKENS = {"SRC": r"(?P<source>.+)", "N": r"\d+"}


@dataclass(frozen=True)
class NamedImage:
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


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Turn a pattern such as ``aug-N-SRC`` into a regular expression for file stems.

    ``SRC`` stands for the stem of the file it was made from, ``N`` for a number, and everything
    else for itself.

    Raises:
        ProjectFileError: the pattern does not hold ``SRC`` exactly once.
    """
    if pattern.count("SRC") != 1:
        raise ProjectFileError(
            f"name pattern {pattern!r} must hold SRC exactly once, for the name of the file an "
            "image was made from; for example 'aug-N-SRC' for aug-3-medusa.jpg"
        )
    parts = re.split(r"(SRC|(?<![A-Za-z])N(?![A-Za-z]))", pattern)
    return re.compile("".join(_TOKENS.get(part, re.escape(part)) for part in parts))


def name_links(
    images: Iterable[NamedImage], patterns: Sequence[str]
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
        stem = _source_stem(image.stem, compiled)
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


def _source_stem(stem: str, patterns: Sequence[re.Pattern[str]]) -> str | None:
    matches = (pattern.fullmatch(stem) for pattern in patterns)
    return next((match["source"] for match in matches if match), None)


class _Catalogue:
    """Finds images by class, folder and stem."""

    def __init__(self, images: Iterable[NamedImage]) -> None:
        self.images = sorted(images, key=lambda image: (image.path, image.sha256))
        self._in_folder: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._in_class: dict[tuple[str, str], list[str]] = defaultdict(list)
        for image in self.images:
            self._in_folder[image.folder, image.stem].append(image.sha256)
            self._in_class[image.class_name, image.stem].append(image.sha256)

    def sources_of(self, image: NamedImage, stem: str) -> list[str]:
        nearby = self._in_folder.get((image.folder, stem))
        return nearby or self._in_class.get((image.class_name, stem), [])

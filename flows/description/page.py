"""The page: one self-contained HTML file, in the look of the reports."""

import base64
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import train
from data_registry.diff import VersionDiff
from data_registry.progress import Progress
from data_registry.registry import Registry
from data_registry.thumbnails import thumbnail
from data_registry.versions import Version, audit_in_words
from flows.description.brightness import Brightness
from flows.description.doubts import Doubts, Pairs
from flows.description.facts import Facts
from flows.description.samples import Grid

_SIDE = 160  # pixels of a thumbnail
_THREADS = 4
_TEMPLATES = Path(__file__).parent / "templates"
_LOOK = Path(train.__file__).parent / "templates"


@dataclass(frozen=True)
class Description:
    """What the page tells.

    Attributes:
        project: the project's name.
        version: which version.
        facts: what can be counted.
        brightness: of a sample of each split.
        pairs: near-copies.
        doubts: labels that a teacher doubts.
        grids: some images of each class.
        changes: since the version it was made from; None for the first.
    """

    project: str
    version: Version
    facts: Facts
    brightness: Mapping[str, Brightness]
    pairs: Pairs
    doubts: Doubts
    grids: tuple[Grid, ...]
    changes: VersionDiff | None


def render(registry: Registry, description: Description, progress: Progress) -> str:
    """The page as HTML; images whose bytes are gone leave their place free.

    Args:
        registry: where the bytes are.
        description: what to tell.
        progress: told of every thumbnail.
    """
    thumbnails = _thumbnails(registry, _shown(description), progress)
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES, _LOOK]), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["grouped"] = lambda count: f"{count:,}"
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    environment.filters["picture"] = lambda sha256: thumbnails[sha256]
    return environment.get_template("description.html.j2").render(
        about=description,
        card=description.version.card,
        facts=description.facts,
        splits=[split for split, count in description.facts.splits.items() if count],
        audit=audit_in_words(description.version.card),
    )


def _shown(description: Description) -> list[str]:
    """Every image the page shows, once."""
    samples = (sample.sha256 for grid in description.grids for sample in grid.samples)
    pairs = (name for pair in description.pairs.shown for name in (pair.first, pair.second))
    labels = (label.sha256 for label in description.doubts.shown)
    return list(dict.fromkeys([*samples, *pairs, *labels]))


def _thumbnails(registry: Registry, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """Data URLs by SHA-256; empty where the bytes are gone."""
    names = list(names)
    progress.start("thumbnails", len(names))

    def made(sha256: str) -> str:
        jpeg = thumbnail(sha256, registry.read_image, _SIDE)
        progress.advance()
        return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""

    with ThreadPoolExecutor(_THREADS) as pool:
        pictures = dict(zip(names, pool.map(made, names), strict=True))
    progress.finish()
    return pictures

"""What self-contained HTML pages have in common: Ephyra's look, and pictures inside the page."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import train
from data_registry.progress import Progress, stretch
from data_registry.registry import Registry
from data_registry.thumbnails import thumbnail

_SIDE = 160  # pixels of a thumbnail
_THREADS = 4
_LOOK = Path(train.__file__).parent / "templates"


def environment(templates: Path) -> Environment:
    """Templates of a folder, in the look of the reports."""
    made = Environment(
        loader=FileSystemLoader([templates, _LOOK]), autoescape=True, undefined=StrictUndefined
    )
    made.filters["grouped"] = lambda count: f"{count:,}"
    made.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return made


def thumbnails(registry: Registry, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """Data URLs by SHA-256; empty where the bytes are gone.

    Args:
        registry: where the bytes are.
        names: of images; each is read once.
        progress: told of every thumbnail.
    """
    distinct = list(dict.fromkeys(names))

    def made(sha256: str) -> str:
        jpeg = thumbnail(sha256, registry.read_image, _SIDE)
        progress.advance()
        return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""

    with stretch(progress, "thumbnails", len(distinct)), ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(distinct, pool.map(made, distinct), strict=True))

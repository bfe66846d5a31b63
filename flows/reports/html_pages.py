"""Self-contained HTML pages: the common style, and images inside the page."""

import base64
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data_registry.images.thumbnails import render_thumbnail
from data_registry.progress import Progress, report_phase
from data_registry.registry import Registry
from data_registry.text.hashes import shorten_hash
from data_registry.text.printable import make_value_printable
from data_registry.text.wording import count_noun, format_class_name

_SIDE = 160  # pixels of a thumbnail
_THREADS = 4
_LOOK = Path(__file__).parents[2] / "train" / "reports" / "templates"
_SCRIPT_ENDS = re.compile(r"</script|<!--", re.IGNORECASE)


def create_environment(templates: Path) -> Environment:
    """Create the Jinja environment for a folder's templates, in the style of the reports."""
    environment = Environment(
        loader=FileSystemLoader([templates, _LOOK]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=make_value_printable,
    )
    environment.globals["inline_script"] = partial(_mark_up_script, templates)
    environment.filters["class_name"] = format_class_name
    environment.filters["count_of"] = count_noun
    environment.filters["short"] = shorten_hash
    environment.filters["grouped"] = lambda count: f"{count:,}"
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return environment


def read_inline_scripts() -> tuple[str, ...]:
    """Read every inline script of our pages, exactly as it stands between its tags.

    The site lets no other script run in a report, see `labeling.review.site_security.headers`.
    """
    folders = Path(__file__).parent.glob("*/templates")
    return tuple(_read_script(file) for folder in folders for file in sorted(folder.glob("*.js")))


def _read_script(file: Path) -> str:
    return f"\n{file.read_text(encoding='utf-8').strip()}\n"


def _mark_up_script(templates: Path, name: str) -> Markup:
    """Mark up a script of a page's folder; `read_inline_scripts` must return the same text."""
    script = _read_script(templates / name)
    if _SCRIPT_ENDS.search(script):
        raise ValueError(f"{name} would end its own script element")
    return Markup(f"<script>{script}</script>")


def build_thumbnails(
    registry: Registry, names: Iterable[str], progress: Progress
) -> dict[str, str]:
    """Build thumbnails as data URLs by SHA-256; empty where the bytes are gone.

    Args:
        registry: where the bytes are.
        names: of images; each is read once.
        progress: told of every thumbnail.
    """
    distinct = list(dict.fromkeys(names))

    def build(sha256: str) -> str:
        jpeg = render_thumbnail(sha256, registry.read_image, _SIDE)
        progress.advance()
        return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""

    with report_phase(progress, "thumbnails", len(distinct)), ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(distinct, pool.map(build, distinct), strict=True))

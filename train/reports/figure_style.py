"""How figures look: colours for light and for dark pages, and drawing one for each."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from train.reports.figure_text import MAIN_FONT

_DPI = 150


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of one kind of page; the background stays transparent."""

    name: str
    ink: str
    muted: str
    grid: str
    arms: tuple[str, str]
    scale: tuple[str, str]  # a confusion matrix's colours, from none to all


LIGHT = Theme(
    name="light",
    ink="#1c2430",
    muted="#6b7686",
    grid="#e3e7ed",
    arms=("#8a94a6", "#0f7b8a"),
    scale=("#f1f4f7", "#0f7b8a"),
)
DARK = Theme(
    name="dark",
    ink="#e8ecf2",
    muted="#98a3b3",
    grid="#2b3442",
    arms=("#8f9bb0", "#3fc1c9"),
    scale=("#1e2632", "#3fc1c9"),
)
THEMES = (LIGHT, DARK)

Draw = Callable[[Figure, Theme], None]


def render_themes(
    draw: Draw, width: float, height: float, families: Sequence[str] = (MAIN_FONT,)
) -> dict[str, bytes]:
    """PNG bytes by theme name of what `draw` puts on a figure of this size in inches.

    Args:
        families: fonts of what is written, see `train.reports.figure_text`.
    """
    return {theme.name: _render_png(draw, theme, (width, height), families) for theme in THEMES}


def _render_png(
    draw: Draw, theme: Theme, size: tuple[float, float], families: Sequence[str]
) -> bytes:
    with _apply_style(theme, families):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, transparent=True)
    return buffer.getvalue()


@contextmanager
def _apply_style(theme: Theme, families: Sequence[str]) -> Iterator[None]:
    style = {
        "font.family": list(families),
        "text.parse_math": False,  # a $ in a name is a $
        "font.size": 10.5,
        "text.color": theme.ink,
        "axes.labelcolor": theme.muted,
        "axes.titlecolor": theme.ink,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlesize": 11,
        "axes.edgecolor": theme.grid,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "xtick.color": theme.muted,
        "ytick.color": theme.ink,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
    }
    with mpl.rc_context(style):
        yield

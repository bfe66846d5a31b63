"""The console that all commands print to: nothing that comes from outside steers the terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from data_registry.text.printable import make_printable


class PrintableConsole(Console):
    """A console that shows control characters instead of obeying them; its own styles stay."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See `Console.render_str`: a table's cells are measured as they will be shown."""
        return super().render_str(make_printable(text), **options)

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """See `Console.render`."""
        for segment in super().render(*arguments, **options):
            yield (
                segment if segment.control else segment._replace(text=make_printable(segment.text))
            )

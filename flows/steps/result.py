"""What a step found, shown as a notebook shows it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flows.output.answer import Answer
from flows.shared.printable_console import PrintableConsole

T = TypeVar("T")
_COLUMNS = 110
_PAGE = '<pre style="line-height:1.4;white-space:pre;overflow-x:auto">{code}</pre>'


@dataclass(frozen=True)
class Result(Generic[T]):
    """The record of one step; a notebook shows it as text and tables.

    Attributes:
        value: the record itself, for example a `Version`.
        answer: what the command of the same name would print.
    """

    value: T
    answer: Answer

    @property
    def data(self) -> Mapping[str, Any]:
        """The same as plain values, as ``--json`` prints them."""
        from flows.shared.serialisation import make_plain

        data: Mapping[str, Any] = make_plain(self.answer.data)
        return data

    def __bool__(self) -> bool:
        """Return False where the answer is no, for example where a rule does not hold."""
        return self.answer.yes

    def __str__(self) -> str:
        return self._print().export_text().rstrip()

    def __repr__(self) -> str:
        first = next(iter(str(self).splitlines()), "")
        return f"<{type(self.value).__name__}: {first.strip()}>"

    def _repr_html_(self) -> str:
        console = self._print()
        return console.export_html(inline_styles=True, code_format=_PAGE)

    def _print(self) -> PrintableConsole:
        console = PrintableConsole(
            file=io.StringIO(),
            record=True,
            width=_COLUMNS,
            no_color=True,  # the notebook may be light or dark
            markup=False,
            emoji=False,
            highlight=False,
        )
        for block in self.answer.shown:
            console.print(block)
        return console

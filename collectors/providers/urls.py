"""A list of URLs: a text file, or a CSV with the facts of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectors.candidate import Candidate
from collectors.provider_problems import gather_problems
from collectors.providers.url_tables import build_source, read_table, read_text
from data_registry.errors import ProviderError
from data_registry.images.records import Source


@dataclass(frozen=True)
class UrlListProvider:
    """Yields every URL of a file, in the file's order.

    Attributes:
        path: a ``.csv`` with a column ``url`` and, where known, ``query``, ``page_url``,
            ``licence``, ``licence_url``, ``creator``; any other name is read as text, one URL a
            line, where empty lines and those that begin with ``#`` are skipped.
        name: the provider's name in the sources.
    """

    path: str | Path
    name: str = "urls"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Yield every URL; the file cannot be searched, so the queries are ignored.

        Raises:
            ProviderError: the file is missing, empty, or lacks its column.
        """
        self.require_source()
        yield from map(Candidate, self._read_sources())

    def require_source(self) -> None:
        """Refuse a file that lists no URL; see `LocalSource`."""
        with gather_problems():  # bad rows are counted when the candidates are given
            first = next(self._read_sources(), None)
        if first is None:
            raise ProviderError(f"{self.path} lists no URL; expected one in each line")

    def _read_sources(self) -> Iterator[Source]:
        path = Path(self.path)
        return self._read_csv(path) if path.suffix.lower() == ".csv" else self._read_lines(path)

    def _read_csv(self, path: Path) -> Iterator[Source]:
        for _, row in read_table(path, required="url"):
            yield build_source(row, self.name, row["url"])

    def _read_lines(self, path: Path) -> Iterator[Source]:
        for line in read_text(path).splitlines():
            url = line.strip()
            if url and not url.startswith("#"):
                yield Source(provider=self.name, url=url)

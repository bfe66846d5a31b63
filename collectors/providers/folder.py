"""A folder of image files, with or without a CSV that tells where they are from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from collectors.candidate import Candidate
from collectors.providers.tables import read_table, source_of
from data_registry.errors import ProviderError
from data_registry.records import Source

_NAMED_AT_MOST = 3  # files that an error message names


@dataclass(frozen=True)
class FolderProvider:
    """Gives the files of a folder.

    A file's URL is the one that the CSV states, else ``folder:`` and its path below the folder,
    so that the same folder gives the same sources on every machine.

    Attributes:
        path: the folder; it is searched to any depth, hidden files and folders are left out.
        table: a CSV with a column ``file`` (path below the folder) and, where known, ``query``,
            ``url``, ``page_url``, ``licence``, ``licence_url``, ``creator``. Only the files that
            it lists are given, in its order.
        name: what the sources call this provider.
    """

    path: str | Path
    table: str | Path | None = None
    name: str = "folder"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Every file, by path.

        Without a CSV a file's query is the name of the subfolder that it lies in, directly below
        the folder, if that is one of the queries; otherwise it is empty.

        Raises:
            ProviderError: the folder or a listed file is missing, or there is no file at all.
        """
        root = Path(self.path)
        if not root.is_dir():
            raise ProviderError(f"{root} is not a folder; give the path of one that has images")
        listed = self._listed(root) if self.table else self._found(root, frozenset(queries))
        if not listed:
            raise ProviderError(f"{self.table or root} gives no file; expected images in {root}")
        yield from listed

    def _found(self, root: Path, queries: frozenset[str]) -> list[Candidate]:
        files = (entry for entry in root.rglob("*") if entry.is_file())
        names = sorted(file.relative_to(root).as_posix() for file in files)
        return [
            Candidate(Source(self.name, f"folder:{name}", _query(name, queries)), root / name)
            for name in names
            if not any(part.startswith(".") for part in PurePosixPath(name).parts)
        ]

    def _listed(self, root: Path) -> list[Candidate]:
        table = Path(self.table or "")
        found, missing = [], []
        for line, row in read_table(table, required="file"):
            name = PurePosixPath(row["file"])
            if name.is_absolute() or ".." in name.parts:
                raise ProviderError(
                    f"{table}, line {line}: {name} leaves the folder {root}; expected a path below"
                )
            if not (root / name).is_file():
                missing.append(f"{name} (line {line})")
            source = source_of(row, self.name, row.get("url") or f"folder:{name}")
            found.append(Candidate(source, root / name))
        if missing:
            named = ", ".join(missing[:_NAMED_AT_MOST])
            raise ProviderError(
                f"{table} lists files that are not in {root}: {named}; {len(missing)} in all. Put "
                "them there or delete their lines"
            )
        return found


def _query(name: str, queries: frozenset[str]) -> str:
    first, slash, _ = name.partition("/")
    return first if slash and first in queries else ""

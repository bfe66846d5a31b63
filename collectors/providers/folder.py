"""A folder of image files, with or without a CSV that states their sources."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath

from collectors.candidate import Candidate
from collectors.provider_problems import gather_problems
from collectors.providers.query_folders import find_query
from collectors.providers.url_tables import build_source, read_table
from data_registry.errors import ProviderError
from data_registry.images.records import Source
from data_registry.ingest.folder_walk import describe_unread_entries, read_tree
from data_registry.text.file_names import compose_accents, explain_omission

_log = logging.getLogger(__name__)

_NAMED_AT_MOST = 3  # files that an error message names


@dataclass(frozen=True)
class FolderProvider:
    """Yields the files of a folder.

    A file's URL is the one that the CSV states, else ``folder:`` and its path below the folder,
    so that the same folder gives the same sources on every machine.

    Attributes:
        path: the folder; it is searched to any depth. Hidden entries, system previews, broken
            links and unreadable entries are left out; a warning counts them.
        table: a CSV with a column ``file`` (path below the folder) and, where known, ``query``,
            ``url``, ``page_url``, ``licence``, ``licence_url``, ``creator``. Only the listed files
            are used, in its order.
        name: the provider's name in the sources.
    """

    path: str | Path
    table: str | Path | None = None
    name: str = "folder"

    def candidates(self, queries: Sequence[str]) -> Iterator[Candidate]:
        """Yield every file, by path.

        Without a CSV a file's query is the name of its subfolder directly below the folder, if
        that is one of the queries; otherwise it is empty.

        Raises:
            ProviderError: the folder or a listed file is missing, or there is no file at all.
        """
        root = self._get_folder()
        listed = self._list_from_table(root) if self.table else self._list_all(root, queries)
        if not listed:
            raise self._build_empty_error(root)
        yield from listed

    def require_source(self) -> None:
        """Refuse a folder that is missing or empty, or a table without files; see `LocalSource`."""
        root = self._get_folder()
        if not self.table:
            is_usable = _may_hold_files(root)
        else:
            with gather_problems():  # bad rows are counted when the candidates are given
                is_usable = bool(self._list_from_table(root))
        if not is_usable:
            raise self._build_empty_error(root)

    def _build_empty_error(self, root: Path) -> ProviderError:
        return ProviderError(
            f"{self.table or root} has no file to collect; expected images in {root}"
        )

    def _get_folder(self) -> Path:
        root = Path(self.path)
        if not root.is_dir():
            raise ProviderError(f"{root} is not a folder; expected a folder with images")
        return root

    def _list_all(self, root: Path, queries: Sequence[str]) -> list[Candidate]:
        tree = read_tree(root, ProviderError)
        for line in describe_unread_entries(tree.not_read):
            _log.warning("%s: %s", root, line)
        return [
            Candidate(
                Source(
                    provider=self.name,
                    url=f"folder:{each.path}",
                    query=_find_query(each.path, queries),
                ),
                each.file,
            )
            for each in sorted(tree.top.walk_files(), key=lambda each: each.path)
        ]

    def _list_from_table(self, root: Path) -> list[Candidate]:
        table = Path(self.table or "")
        candidates, missing = [], []
        others = cache(partial(_index_files, root))
        for line, row in read_table(table, required="file"):
            name = PurePosixPath(_find_written_name(root, row["file"]))
            if name.is_absolute() or ".." in name.parts:
                raise ProviderError(
                    f"{table}, line {line}: {name} leaves the folder {root}; expected a path below"
                )
            file = root / name
            if not file.is_file():
                file = others().get(compose_accents(str(name)), file)
            if not file.is_file():
                missing.append(f"{name} (line {line})")
                continue
            source = build_source(row, self.name, row.get("url") or f"folder:{name}")
            candidates.append(Candidate(source, file))
        if missing:
            named = ", ".join(missing[:_NAMED_AT_MOST])
            raise ProviderError(
                f"{table} lists files that are not in {root}: {named}; {len(missing)} in all. Put "
                "them there or delete their lines"
            )
        return candidates


def _index_files(root: Path) -> dict[str, Path]:
    """Index files by their name with composed accents; table and disk may differ in them."""
    return {compose_accents(each.path): each.file for each in read_tree(root).top.walk_files()}


def _may_hold_files(folder: Path) -> bool:
    """Whether a file, or a link that may lead to one, is not left out by its name."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not explain_omission(name)]
        links = (name for name in folders if Path(parent, name).is_symlink())
        if any(not explain_omission(name) for name in files) or any(links):
            return True
    return False


def _find_written_name(root: Path, name: str) -> str:
    """Replace the backslashes of a table from Windows, unless a file has them in its name."""
    return name if "\\" not in name or (root / name).is_file() else name.replace("\\", "/")


def _find_query(path: str, queries: Sequence[str]) -> str:
    first, slash, _ = path.partition("/")
    return find_query([first], queries) if slash else ""

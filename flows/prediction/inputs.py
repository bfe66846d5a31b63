"""The images to predict: files, folders of files and URLs, as encoded bytes one by one."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from collectors.fetch.fetcher import Fetcher
from data_registry.errors import ImageError, InputError
from data_registry.images.image_limits import read_image_file
from data_registry.ingest.folder_walk import describe_unread_entries, read_tree
from data_registry.text.file_names import escape_file_name
from flows.config.collection_settings import build_collect_settings
from flows.config.own_servers import list_admitted_servers
from flows.config.workspace import Workspace

_log = logging.getLogger(__name__)

WEB = ("http://", "https://")

Picture = tuple[str, bytes | ImageError]


def read_images(workspace: Workspace, given: Sequence[str]) -> Iterator[Picture]:
    """Read names with their bytes, or the error; each name once, in order.

    URLs are fetched by the rules of `[collect]`: public addresses alone, within its limits, and
    what a site's owner forbids is not fetched.

    Raises:
        InputError: a path that is not there, or folders without a file; before anything is read.
    """
    return _read_all(workspace, _list_names(given))


def require_images(given: Sequence[str]) -> None:
    """Refuse a path that is not there; no folder is read yet.

    Raises:
        InputError: naming the path.
    """
    for name in given:
        if not name.startswith(WEB) and not Path(name).is_file() and not Path(name).is_dir():
            raise InputError(
                f"there is no {name}; expected image files, folders of them, or http(s) addresses"
            )


def _list_names(given: Sequence[str]) -> list[str]:
    require_images(given)
    found: list[str] = []
    for name in given:
        path = Path(name)
        if name.startswith(WEB) or path.is_file():
            found.append(name)
        else:
            found += _list_files(path)
    if not found:
        raise InputError(f"no file in {', '.join(given)}; expected images")
    return list(dict.fromkeys(found))


def _list_files(folder: Path) -> list[str]:
    tree = read_tree(folder)
    for line in describe_unread_entries(tree.not_read):
        _log.warning("%s: %s", escape_file_name(str(folder)), line)
    return sorted(str(each.file) for each in tree.top.walk_files())


def _read_all(workspace: Workspace, names: Sequence[str]) -> Iterator[Picture]:
    fetch = replace(
        build_collect_settings(workspace).fetch,
        allow_loopback=list_admitted_servers(workspace, names),
    )
    with Fetcher(fetch) as fetcher:
        for name in names:
            is_address = name.startswith(WEB)
            data = _fetch(fetcher, name) if is_address else _read(name, fetch.max_bytes)
            yield escape_file_name(name), data


def _fetch(fetcher: Fetcher, url: str) -> bytes | ImageError:
    answer = fetcher.fetch(url)
    if answer.failure is None:
        return answer.data
    return ImageError(str(answer.failure), f"{url} cannot be had: {answer.failure} {answer.detail}")


def _read(name: str, max_bytes: int) -> bytes | ImageError:
    try:
        return read_image_file(Path(name), max_bytes)
    except ImageError as error:
        return error

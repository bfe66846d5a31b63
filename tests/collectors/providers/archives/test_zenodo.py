"""Archives fetched by URL, and Zenodo's records."""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from api_answers import FETCH, Json
from loopback import Handler, LoopbackServer
from pictures import jpeg

from collectors.candidate import Provider
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.providers import build_provider
from collectors.providers.archives.archive import ArchiveProvider
from data_registry import Registry
from data_registry.errors import ProviderError

SETTINGS = CollectSettings(fetch=FETCH)


def zipped(*seeds: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for seed in seeds:
            archive.writestr(f"moon/{seed}.jpg", jpeg(seed))
    return buffer.getvalue()


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_an_archive_by_url_is_fetched_once(
    server: LoopbackServer, registry: Registry, tmp_path: Path
) -> None:
    url = server.put("/photos.zip", zipped(1, 2))
    kept = tmp_path / "kept" / "photos.zip"
    provider = build_provider("archive", {"path": kept, "url": url, "licence": "CC0"}, FETCH)
    assert collect(registry, provider, ["moon"], SETTINGS).outcomes == {"stored": 2}
    assert collect(registry, provider, ["moon"], SETTINGS).skipped == 2
    assert server.asked("/photos.zip") == 1
    assert files_in(kept.parent) == ["photos.zip"]


@pytest.mark.parametrize(
    ("answer", "options", "told"),
    [
        ((404, b""), {}, "not_found"),
        ((503, b""), {}, "server_error"),
        ((200, zipped(1)), {"max_gigabytes": 1e-6}, "too_large"),
        ((200, zipped(1)), {"md5": "0" * 32}, "expected 0000"),
        ((200, b"<html>"), {}, "cannot be read as an archive"),
    ],
)
def test_an_archive_that_cannot_be_had(
    server: LoopbackServer,
    tmp_path: Path,
    answer: tuple[int, bytes],
    options: dict[str, object],
    told: str,
) -> None:
    status, body = answer
    url = server.put("/photos.zip", body, status, {"Retry-After": "0"})
    given = {"path": tmp_path / "photos.zip", "url": url, **options}
    with pytest.raises(ProviderError, match=told):
        list(build_provider("archive", given, FETCH).candidates([]))
    assert files_in(tmp_path) == []


def test_half_an_archive_is_not_kept(server: LoopbackServer, tmp_path: Path) -> None:
    """A server that states no length and goes away in the middle gives all there seems to be."""

    def cut_off(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(zipped(1, 2)[:-400])
        handler.close_connection = True

    url = server.page("/photos.zip", cut_off)
    with pytest.raises(ProviderError, match=r"not kept: photos\.zip cannot be read as an archive"):
        list(ArchiveProvider(tmp_path / "photos.zip", url=url, fetch=FETCH).candidates([]))
    assert files_in(tmp_path) == []


def test_a_redirect_of_an_archive_is_guarded(server: LoopbackServer, tmp_path: Path) -> None:
    url = server.put("/photos.zip", b"", 302, {"Location": "http://10.0.0.1/photos.zip"})
    with pytest.raises(ProviderError, match="refused_address"):
        list(ArchiveProvider(tmp_path / "photos.zip", url=url, fetch=FETCH).candidates([]))
    moved = server.put("/old.zip", b"", 302, {"Location": "/new.zip"})
    server.put("/new.zip", zipped(1))
    provider = ArchiveProvider(tmp_path / "photos.zip", url=moved, fetch=FETCH)
    assert len(list(provider.candidates([]))) == 1


def test_what_killed_downloads_left_behind_goes(server: LoopbackServer, tmp_path: Path) -> None:
    old, young, another = (
        tmp_path / name
        for name in (".photos.zip.aa.partial", ".photos.zip.bb.partial", ".more.zip.cc.partial")
    )
    for file in (old, young, another):
        file.write_bytes(b"half")
    for file in (old, another):
        os.utime(file, (0, 0))
    url = server.put("/photos.zip", zipped(1))
    list(ArchiveProvider(tmp_path / "photos.zip", url=url, fetch=FETCH).candidates([]))
    assert files_in(tmp_path) == [another.name, young.name, "photos.zip"]


def test_an_archive_is_not_fetched_where_robots_txt_forbids(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.put("/robots.txt", b"User-agent: *\nDisallow: /photos\n")
    url = server.put("/photos.zip", zipped(1))
    with pytest.raises(ProviderError, match="refused_robots"):
        list(ArchiveProvider(tmp_path / "photos.zip", url=url, fetch=FETCH).candidates([]))


def test_a_large_archive_is_not_held_in_memory(server: LoopbackServer, tmp_path: Path) -> None:
    """More than the body of an image may be: the limit of images does not hold for archives."""
    data = zipped(*range(8))
    assert len(data) > 10_000
    url = server.put("/photos.zip", data)
    small = FetchSettings(max_bytes=10_000, allow_loopback=True)
    provider = ArchiveProvider(tmp_path / "photos.zip", url=url, fetch=small)
    assert len(list(provider.candidates([]))) == 8


# Zenodo


def record(server: LoopbackServer, *files: Json, **more: object) -> Json:
    return {
        "id": 1234567,
        "doi": "10.5281/zenodo.1234567",
        "links": {"self_html": server.url("/records/1234567")},
        "metadata": {
            "title": "Jellyfish of a small bay",
            "creators": [{"name": "Diver, Ann"}, {"name": "Swimmer, Bob", "orcid": "0000"}],
            "license": {"id": "cc-by-4.0"},
            **more,
        },
        "files": list(files),
    }


def stored_file(server: LoopbackServer, key: str, data: bytes, md5: str = "") -> Json:
    """One file of the record, served by the interface and on the record's page."""
    server.put(f"/records/1234567/files/{key}", data)
    content = f"/api/records/1234567/files/{key}/content"
    return {
        "key": key,
        "size": len(data),
        "checksum": f"md5:{md5 or md5_of(data)}",
        "links": {"self": server.put(content, data)},
    }


def serve_record(server: LoopbackServer, answer: Json) -> None:
    server.put("/api/records/1234567", json.dumps(answer).encode())


def zenodo(server: LoopbackServer, folder: Path, given: str | int = "1234567") -> Provider:
    options = {"record": given, "path": folder, "base": server.url("/api")}
    return build_provider("zenodo", options, FETCH)


@pytest.mark.parametrize(
    "given",
    [
        "1234567",
        1234567,
        "10.5281/zenodo.1234567",
        "https://doi.org/10.5281/zenodo.1234567",
        "https://zenodo.org/records/1234567",
        "https://zenodo.org/record/1234567/",
    ],
)
def test_a_record_s_archives_and_images(
    server: LoopbackServer, registry: Registry, tmp_path: Path, given: str | int
) -> None:
    server.put("/robots.txt", b"User-agent: *\nDisallow: /api\n")
    files = [
        stored_file(server, "photos.zip", zipped(1, 2)),
        stored_file(server, "cover.jpg", jpeg(3)),
        stored_file(server, "notes.txt", b"notes"),
    ]
    serve_record(server, record(server, *files))
    provider = zenodo(server, tmp_path / "kept", given)
    found = [candidate.source for candidate in provider.candidates(["moon"])]
    assert {source.creator for source in found} == {"Diver, Ann; Swimmer, Bob"}
    assert {source.licence for source in found} == {"cc-by-4.0"}
    assert {source.page_url for source in found} == {server.url("/records/1234567")}
    assert [source.url for source in found] == [
        server.url("/records/1234567/files/cover.jpg?download=1"),
        "archive:1234567-photos.zip/moon/1.jpg",
        "archive:1234567-photos.zip/moon/2.jpg",
    ]
    assert collect(registry, provider, ["moon"], SETTINGS).outcomes == {"stored": 3}
    assert server.asked("/api/records/1234567/files/photos.zip/content") == 1


def test_a_record_s_file_that_is_another(server: LoopbackServer, tmp_path: Path) -> None:
    serve_record(server, record(server, stored_file(server, "p.zip", zipped(1), "f" * 32)))
    with pytest.raises(ProviderError, match=r"expected f{32}"):
        list(zenodo(server, tmp_path).candidates([]))
    assert files_in(tmp_path) == []


def test_a_record_s_file_cannot_leave_its_folder(server: LoopbackServer, tmp_path: Path) -> None:
    away = {**stored_file(server, "p.zip", zipped(1)), "key": "../../p.zip"}
    serve_record(server, record(server, away))
    assert len(list(zenodo(server, tmp_path / "a" / "b").candidates([]))) == 1
    assert files_in(tmp_path) == ["1234567-p.zip"]
    assert (tmp_path / "a" / "b" / "1234567-p.zip").exists()


def test_a_record_without_images(server: LoopbackServer, tmp_path: Path) -> None:
    serve_record(server, record(server, stored_file(server, "notes.txt", b"notes")))
    with pytest.raises(ProviderError, match="no image and no archive among its 1 file "):
        list(zenodo(server, tmp_path).candidates([]))


@pytest.mark.parametrize("access", ["restricted", "embargoed", "closed"])
def test_a_record_whose_files_are_not_for_everybody(
    server: LoopbackServer, tmp_path: Path, access: str
) -> None:
    bare = {**record(server, access_right=access)}
    del bare["files"]
    serve_record(server, bare)
    with pytest.raises(ProviderError, match=rf"its 0 files \(access: {access}\)"):
        list(zenodo(server, tmp_path).candidates([]))


def test_all_versions_of_a_record_are_its_latest(server: LoopbackServer, tmp_path: Path) -> None:
    """A later version's archive of the same name is another file."""
    server.put("/api/records/1234566", b"", 302, {"Location": "/api/records/1234567"})
    serve_record(server, record(server, stored_file(server, "photos.zip", zipped(1))))
    assert len(list(zenodo(server, tmp_path, "10.5281/zenodo.1234566").candidates([]))) == 1
    assert files_in(tmp_path) == ["1234567-photos.zip"]


def test_a_record_s_file_in_a_folder(server: LoopbackServer, tmp_path: Path) -> None:
    """Zenodo's copies of repositories have such names."""
    files = [
        stored_file(server, "python-pillow/Pillow.zip", zipped(1)),
        stored_file(server, "python-pillow/a b.jpg", jpeg(3)),
    ]
    serve_record(server, record(server, *files))
    assert [each.source.url for each in zenodo(server, tmp_path).candidates(["moon"])] == [
        "archive:1234567-Pillow.zip/moon/1.jpg",
        server.url("/records/1234567/files/python-pillow/a%20b.jpg?download=1"),
    ]


@pytest.mark.parametrize("given", ["", "zenodo", "10.5281/other.12", "12 34"])
def test_a_record_that_is_no_number(server: LoopbackServer, tmp_path: Path, given: str) -> None:
    with pytest.raises(ProviderError, match="expected a number such as 1234567, or a DOI"):
        list(zenodo(server, tmp_path, given).candidates([]))


def test_a_record_that_does_not_exist(server: LoopbackServer, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"Zenodo at .* does not answer: not_found"):
        list(zenodo(server, tmp_path).candidates([]))

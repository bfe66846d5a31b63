import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pictures import jpeg

from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.providers import build_provider
from collectors.providers.archives.archive import ArchiveProvider
from data_registry import Registry
from data_registry.errors import ProviderError
from data_registry.images.hashing import compute_sha256
from data_registry.images.records import Source

Pack = Callable[[Path, Mapping[str, bytes]], Path]
FETCH = FetchSettings(max_bytes=300_000)


def pack_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def pack_tar(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def pack_gzip(path: Path, files: Mapping[str, bytes]) -> Path:
    return pack_tar(path, files, "w:gz")


def pack_bzip2(path: Path, files: Mapping[str, bytes]) -> Path:
    return pack_tar(path, files, "w:bz2")


PACKED = pytest.mark.parametrize("pack", [pack_zip, pack_tar, pack_gzip, pack_bzip2])


def sources(path: Path, *queries: str) -> list[Source]:
    return [candidate.source for candidate in ArchiveProvider(path).candidates(queries)]


def error_of(path: Path) -> str:
    with pytest.raises(ProviderError) as caught:
        sources(path)
    return str(caught.value)


@PACKED
def test_every_image_of_an_archive_is_collected(
    registry: Registry, tmp_path: Path, pack: Pack
) -> None:
    files = {f"set/{'moon' if k % 2 else 'sun'}/{k}.jpg": jpeg(seed=k) for k in range(24)}
    path = pack(tmp_path / "photos", {**files, "set/moon/large.jpg": bytes(300_001)})
    settings = CollectSettings(fetch=FETCH, threads=6)
    provider = build_provider("archive", {"path": path, "licence": "CC0"}, FETCH)
    summary = collect(registry, provider, ["moon"], settings)
    assert summary.by_query == {"": {"stored": 12}, "moon": {"stored": 12, "too_large": 1}}
    assert registry.find_known_images() == {compute_sha256(jpeg(seed=k)) for k in range(24)}
    assert collect(registry, provider, ["moon"], settings).skipped == 25


@PACKED
def test_sources_are_portable_and_in_order(tmp_path: Path, pack: Pack) -> None:
    files = dict.fromkeys(["b/moon/x/2.jpg", "b/1.jpg", "moon/sun/3.jpg", ".DS_Store"], b"photo")
    found = sources(pack(tmp_path / "photos.any", files), "moon", "sun")
    assert found == [
        Source(provider="archive", url="archive:photos.any/b/1.jpg"),
        Source(provider="archive", url="archive:photos.any/b/moon/x/2.jpg", query="moon"),
        Source(provider="archive", url="archive:photos.any/moon/sun/3.jpg", query="sun"),
    ]


def test_what_holds_for_all_files(tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "a.zip", {"a.jpg": b"photo"})
    told = {"licence": "CC BY 4.0", "licence_url": "l", "creator": "Ann", "page_url": "p"}
    (candidate,) = ArchiveProvider(path, **told).candidates([])
    assert candidate.source == Source(provider="archive", url="archive:a.zip/a.jpg", **told)


@PACKED
def test_members_that_point_elsewhere_are_left_out(tmp_path: Path, pack: Pack) -> None:
    names = [
        "../up.jpg",
        "/root.jpg",
        "a/../../b.jpg",
        "C:/c.jpg",
        "__MACOSX/d.jpg",
        "./",
        "good.jpg",
    ]
    found = sources(pack(tmp_path / "evil", dict.fromkeys(names, b"photo")))
    assert [source.url for source in found] == ["archive:evil/good.jpg"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil"]


def test_links_and_devices_of_a_tar_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert "no file to collect" in error_of(path)


def test_links_of_a_zip_are_left_out(tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "a.zip", {"good.jpg": b"photo"})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert [source.url for source in sources(path)] == ["archive:a.zip/good.jpg"]


@PACKED
def test_bombs(tmp_path: Path, pack: Pack) -> None:
    path = pack(tmp_path / "bomb", {f"{k}.bmp": bytes(20_000_000) for k in range(2)})
    if pack is pack_tar:  # not compressed: it is as large as it says
        assert len(sources(path)) == 2
    else:
        assert "expected at most 200 times its size" in error_of(path)


@PACKED
def test_an_archive_that_is_cut_off_is_an_error(tmp_path: Path, pack: Pack) -> None:
    path = pack(tmp_path / "cut", {f"{k}.jpg": jpeg(seed=k) for k in range(8)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut cannot be read as an archive" in error_of(path)


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = pack_zip(tmp_path / "inner.zip", {"inner.jpg": b"photo"}).read_bytes()
    path = pack_tar(tmp_path / "outer.tar", {"a.jpg": b"photo", "z.zip": inner})
    found = [source.url for source in sources(path)]
    assert found == ["archive:outer.tar/a.jpg", "archive:outer.tar/z.zip"]


def test_members_that_cannot_be_read_cost_only_themselves(
    registry: Registry, tmp_path: Path
) -> None:
    path = pack_zip(tmp_path / "a.zip", {"a.jpg": jpeg(seed=1), "b.jpg": jpeg(seed=2)})
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)  # inside the first member's data
    path.write_bytes(content)
    summary = collect(
        registry, ArchiveProvider(path, fetch=FETCH), [], CollectSettings(fetch=FETCH)
    )
    assert summary.outcomes == {"stored": 1, "unreadable_file": 1}
    attempt = registry.load_last_attempts("archive")["", "archive:a.zip/a.jpg"]
    assert "the archive's member is broken" in attempt.detail


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as an archive"),
        (b"no archive at all", "cannot be read as an archive"),
        (b"PK\x03\x04" + bytes(50), "cannot be read as an archive"),
        (gzip.compress(b"no tar" * 100, mtime=0), "cannot be read as an archive"),
        (gzip.compress(bytes(9_000), mtime=0)[:-9], "cannot be read as an archive"),
        (b"\x1f\x8bnot gzip", "cannot be read as an archive"),
        (b"BZhnot bzip2 at all", "cannot be read as an archive"),
    ],
)
def test_files_that_are_no_archive(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "odd.tar"
    path.write_bytes(content)
    assert said in error_of(path)


def test_archives_that_are_not_there(tmp_path: Path) -> None:
    assert "No such file" in error_of(tmp_path / "lost.zip")
    assert "cannot be read" in error_of(tmp_path)
    assert "no file to collect" in error_of(pack_zip(tmp_path / "empty.zip", {}))


@PACKED
def test_what_tools_put_into_archives_is_no_photograph(
    tmp_path: Path, pack: Pack, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a.jpg", "@eaDir/a.jpg", "m/Thumbs.db", "._a.jpg", "__MACOSX/m/._a.jpg", "../b.jpg"]
    found = sources(pack(tmp_path / "photos", dict.fromkeys(names, b"photo")))
    assert [source.url for source in found] == ["archive:photos/a.jpg"]
    assert "3 entries, made by a system or a tool" in caplog.text
    assert "1 entry, hidden: ._a.jpg" in caplog.text
    assert "1 entry, a name that leads out of the archive: ../b.jpg" in caplog.text


def test_archives_from_other_systems(tmp_path: Path) -> None:
    """Backslashes of Windows, UTF-8 of macOS that does not say so, Latin-1 of an old Linux."""
    apart, spelt = "me\u0301duse", "m\u00e9duse"
    path = pack_zip(tmp_path / "a.zip", {"x\\moon\\1.jpg": b"photo", "me..duse/2.jpg": b"photo"})
    path.write_bytes(path.read_bytes().replace(b"me..duse", apart.encode()))
    assert [source.query for source in sources(path, "moon", spelt)] == [spelt, "moon"]
    tar = pack_tar(tmp_path / "b.tar", {os.fsdecode(b"pe\xf1a.jpg"): b"photo"})
    assert [source.url for source in sources(tar)] == [r"archive:b.tar/pe\xF1a.jpg"]


# What is left out is said


def unread(path: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    list(ArchiveProvider(path).candidates([]))
    return [record.getMessage().partition(": not read: ")[2] for record in caplog.records]


def test_links_of_a_tar_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        photo = tarfile.TarInfo("moon/1.jpg")
        photo.size = 5
        archive.addfile(photo, io.BytesIO(b"photo"))
        for number, kind in enumerate((tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"moon/{number + 2}.jpg")
            info.type, info.linkname = kind, "moon/1.jpg"
            archive.addfile(info)
        folder = tarfile.TarInfo("sun")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    assert unread(path, caplog) == [
        "2 entries, a link: moon/2.jpg, moon/3.jpg",
        "1 entry, a device: moon/4.jpg",
    ]


def test_entries_of_a_zip_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = pack_zip(tmp_path / "a.zip", {"good.jpg": b"photo", f"{'x' * 5000}.jpg": b"photo"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.jpg", b"another")
    lines = unread(path, caplog)
    assert lines[:2] == [
        "1 entry, a name that another entry has: good.jpg",
        "1 entry, a link: link.jpg",
    ]
    assert lines[2].startswith("1 entry, a name of more than 4,096 characters: xxx")


def test_a_zip_of_windows_with_backslashes(tmp_path: Path) -> None:
    """Old .NET writes folders as empty entries that end with one."""
    path = tmp_path / "windows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("moon\\", "moon\\1.jpg", "moon\\sun\\2.jpg", "..\\up.jpg"):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 0, 0x10 if name.endswith("\\") else 0x20
            archive.writestr(info, b"" if name.endswith("\\") else b"photo")
    assert [(source.url, source.query) for source in sources(path, "moon", "sun")] == [
        ("archive:windows.zip/moon\\1.jpg", "moon"),
        ("archive:windows.zip/moon\\sun\\2.jpg", "sun"),
    ]

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.candidate import Candidate, Provider
from collectors.fetch.fetched import FetchSettings
from collectors.providers import build_provider
from collectors.providers.folder import FolderProvider
from collectors.providers.gallery import GalleryProvider
from collectors.providers.urls import UrlListProvider
from data_registry.errors import ProviderError
from data_registry.images.records import Source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("moon/b.jpg", "moon/deep/a.jpg", "sun/c.jpg", "d.jpg", ".hidden/e.jpg", "sun/.f"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"photo")
    return tmp_path / "photos"


def sources(provider: Provider, *queries: str) -> list[Source]:
    return [candidate.source for candidate in provider.candidates(queries)]


def error_of(provider: Provider) -> str:
    with pytest.raises(ProviderError) as caught:
        list(provider.candidates(["moon"]))
    return str(caught.value)


def test_a_folder_gives_its_files_in_order_with_portable_urls(photos: Path) -> None:
    found = list(FolderProvider(photos).candidates(["moon"]))
    assert [candidate.source for candidate in found] == [
        Source(provider="folder", url="folder:d.jpg"),
        Source(provider="folder", url="folder:moon/b.jpg", query="moon"),
        Source(provider="folder", url="folder:moon/deep/a.jpg", query="moon"),
        Source(provider="folder", url="folder:sun/c.jpg"),  # sun is not among the queries
    ]
    assert found[1].path == photos / "moon" / "b.jpg"


def test_a_folder_with_a_table(photos: Path) -> None:
    table = photos.parent / "table.csv"
    table.write_text(
        "file,class,query,url,page_url,licence,licence_url,creator\n"
        'sun/c.jpg,x,sun star,http://host/c.jpg,http://host/c,CC0,http://cc0,"Ann, B."\n'
        "d.jpg,,,,,,,\n",
        encoding="utf-8-sig",
    )
    found = list(FolderProvider(photos, table).candidates([]))
    assert found == [
        Candidate(
            Source(
                provider="folder",
                url="http://host/c.jpg",
                query="sun star",
                page_url="http://host/c",
                licence="CC0",
                licence_url="http://cc0",
                creator="Ann, B.",
            ),
            photos / "sun" / "c.jpg",
        ),
        Candidate(Source(provider="folder", url="folder:d.jpg"), photos / "d.jpg"),
    ]  # fmt: skip


def test_a_table_of_windows_has_backslashes(photos: Path) -> None:
    table = photos / "table.csv"
    table.write_text("file,query\nsun\\c.jpg,moon\n")
    (candidate,) = FolderProvider(photos, table).candidates([])
    assert (candidate.source.url, candidate.path) == ("folder:sun/c.jpg", photos / "sun" / "c.jpg")
    (photos / "sun\\c.jpg").write_bytes(b"a name that holds one")
    (candidate,) = FolderProvider(photos, table).candidates([])
    assert candidate.path == photos / "sun\\c.jpg"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,query\na.jpg,x\n", "no column 'file'; found: name, query"),
        ("", "no column 'file'; found: no header"),
        ("file\n", "no file to collect"),
        ("file,query\n,moon\n", "line 2: 'file' is empty"),
        ("file\nd.jpg\nlost.jpg\n", "lost.jpg (line 3); 1 in all"),
        ("file\n../secret.jpg\n", "leaves the folder"),
        ("file\n..\\secret.jpg\n", "leaves the folder"),
        ("file\n/etc/passwd\n", "leaves the folder"),
        ('file\n"d.jpg\n', "comma-separated"),
    ],
)
def test_tables_that_cannot_be_used(photos: Path, text: str, said: str) -> None:
    table = photos / "table.csv"
    table.write_text(text)
    assert said in error_of(FolderProvider(photos, table))


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    assert "is not a folder" in error_of(FolderProvider(tmp_path / "lost"))
    assert "no file to collect" in error_of(FolderProvider(tmp_path))
    assert "does not exist" in error_of(FolderProvider(tmp_path, tmp_path / "lost.csv"))


def test_urls_from_text(tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text("# photos\n\nhttp://host/a.jpg#top\n  http://host/b.jpg  \r\nfile:///x\n")
    assert sources(UrlListProvider(listed), "moon") == [
        Source(provider="urls", url="http://host/a.jpg#top"),
        Source(provider="urls", url="http://host/b.jpg"),
        Source(provider="urls", url="file:///x"),  # the fetcher refuses it, and a row says so
    ]


def test_urls_from_a_table(tmp_path: Path) -> None:
    listed = tmp_path / "urls.CSV"
    listed.write_text("licence,url,query\nCC0,http://host/a.jpg,moon\n,http://host/b.jpg\n")
    assert sources(UrlListProvider(listed, name="mine")) == [
        Source(provider="mine", url="http://host/a.jpg", query="moon", licence="CC0"),
        Source(provider="mine", url="http://host/b.jpg"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("urls.txt", b"# nothing yet\n", "lists no URL"),
        ("urls.csv", b"url\n", "lists no URL"),
        ("urls.csv", b"link\nhttp://host/a.jpg\n", "no column 'url'; found: link"),
        ("urls.txt", b"http://host/\xff\xfe.jpg\n", "not UTF-8"),
    ],
)
def test_url_lists_that_cannot_be_used(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in error_of(UrlListProvider(tmp_path / name))


def test_a_url_list_that_is_no_file(tmp_path: Path) -> None:
    assert "does not exist" in error_of(UrlListProvider(tmp_path / "lost.txt"))
    assert "cannot be read" in error_of(UrlListProvider(tmp_path))


def test_providers_by_kind() -> None:
    fetch = FetchSettings(contact="ann@example.org")
    assert build_provider("folder", {"path": "p"}, fetch) == FolderProvider("p")
    assert build_provider("urls", {"path": "p", "name": "n"}, fetch) == UrlListProvider("p", "n")
    gallery = build_provider("gallery", {"base": "http://host", "limit": 5}, fetch)
    assert gallery == GalleryProvider("http://host", 5, fetch)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (
            "galery",
            {},
            "expected one of archive, baidu, bing, flickr, folder, gallery, gbif, google, "
            "inaturalist, openverse, urls, wikimedia, zenodo",
        ),
        ("folder", {}, "path is missing"),
        ("gallery", {"base": "http://host", "size": 1}, "It takes: base, limit, name"),
        ("gallery", {"base": "http://host", "limit": "5"}, "limit = '5'; expected a whole number"),
        ("gallery", {"base": "http://host", "limit": -1}, "limit = -1; expected a whole number"),
        ("gallery", {"base": "http://host", "limit": True}, "limit = True; expected a whole"),
        ("gallery", {"base": 5}, "base = 5; expected text"),
        ("openverse", {"licences": "cc0"}, "licences = 'cc0'; expected a list of texts"),
        ("openverse", {"licences": [0]}, "expected a list of texts"),
        ("openverse", {"per_minute": 0}, "per_minute = 0; expected a number of at least 0.0"),
        ("folder", {"path": 5}, "path = 5; expected a path"),
    ],
)
def test_kinds_and_options_that_do_not_exist(
    kind: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ProviderError, match=said):
        build_provider(kind, options, FetchSettings())


@pytest.mark.parametrize(
    "make", [FolderProvider, UrlListProvider, GalleryProvider], ids=lambda make: make.__name__
)
def test_each_provider_follows_the_interface(make: Callable[[str], Provider]) -> None:
    provider: Provider = make("somewhere")
    assert provider.name in ("folder", "urls", "gallery")


def test_what_a_folder_holds_besides_photos_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "photos"
    for name in ("moon/a.jpg", "moon/@eaDir/a.jpg", "Thumbs.db", ".x/b.jpg", "elsewhere/c.jpg"):
        file = root / name if name[0] != "e" else tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"photo")
    (root / "sun").symlink_to(tmp_path / "elsewhere")
    (root / "gone.jpg").symlink_to("/nowhere.jpg")
    (root / "moon/up").symlink_to(root)
    found = [source.url for source in sources(FolderProvider(root))]
    assert found == ["folder:moon/a.jpg", "folder:sun/c.jpg"]
    told = caplog.text
    assert "2 entries, made by a system or a tool, no photographs: Thumbs.db, moon/@eaDir" in told
    assert "1 entry, hidden: .x" in told
    assert "1 entry, a link that leads nowhere: gone.jpg" in told
    assert "1 entry, a link back to a folder above it: moon/up" in told


def test_names_that_are_no_utf8_become_text(tmp_path: Path) -> None:
    for name in (b"pe\xf1a.jpg", b"pe\xf2a.jpg"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"photo")
    found = [source.url for source in sources(FolderProvider(tmp_path))]
    assert found == [r"folder:pe\xF1a.jpg", r"folder:pe\xF2a.jpg"]


def test_accents_may_be_composed_in_either_way(tmp_path: Path) -> None:
    """macOS takes them apart; a project file or table hardly ever does."""
    folder = tmp_path / "photos" / "me\u0301duse"
    folder.mkdir(parents=True)
    (folder / "e\u0301.jpg").write_bytes(b"photo")
    (source,) = sources(FolderProvider(tmp_path / "photos"), "m\u00e9duse")
    assert source.query == "m\u00e9duse"
    table = tmp_path / "table.csv"
    table.write_text("file\nm\u00e9duse/\u00e9.jpg\n", encoding="utf-8")
    (candidate,) = FolderProvider(tmp_path / "photos", table).candidates([])
    assert candidate.path == folder / "e\u0301.jpg"

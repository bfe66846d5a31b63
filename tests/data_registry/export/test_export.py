"""A version handed over: folders, Parquet, attribution."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from drawn import encoded, jpeg, picture, write_set
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import InputError, StorageError
from data_registry.export.contents import derive_title, load_contents
from data_registry.export.export import WRITERS, ExportResult, export_version
from data_registry.export.parquet_shards import write_parquet
from data_registry.export.safe_names import build_folder_names
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.progress import SilentProgress
from data_registry.registry import Registry, build_blob_path
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import Version, load_version_rows
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

CLASSES = ("jelly: moon", "rose")
COLLECTED = encoded(picture(500), "PNG")
SOURCE = Source(
    provider="wikimedia",
    url="https://upload.example/500.png",
    page_url="https://commons.example/wiki/File:Moon_[1]*.png",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    creator="A. <b>Photographer</b>",
)


def grow(registry: Registry) -> Version:
    link_images_by_hashes(registry, Radii())
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    return publish(registry, {"groups": {}})


def split_set(folder: Path) -> Path:
    """train, valid and test; a train image copies a test image."""
    numbers = {"train": range(6), "valid": range(10, 12), "test": range(20, 23)}
    files = {
        f"{split}/{name}/{number}.jpg": jpeg(1000 * place + number)
        for place, name in enumerate(CLASSES)
        for split, members in numbers.items()
        for number in members
    }
    files[f"train/{CLASSES[0]}/copy.jpg"] = jpeg(20, quality=60)
    return write_set(folder, files)


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> Version:
    import_folder(registry, split_set(tmp_path / "set"))
    record = build_image_record(COLLECTED, decode(COLLECTED))
    registry.store_bytes(COLLECTED)
    attempt = FetchAttempt(source=SOURCE, outcome="stored", sha256=record.sha256)
    registry.record_collected([CollectedImage(attempt, record)])
    record_annotations(
        registry, [Annotation(sha256=record.sha256, class_name=CLASSES[0], person="ada")]
    )
    return grow(registry)


def exported(registry: Registry, version: Version, kind: str, folder: Path) -> ExportResult:
    return export_version(registry, version, kind, folder, project='The "bay"')


def held(registry: Registry, version: Version) -> set[tuple[str, str, str]]:
    """(image, class, split) of what a version holds."""
    rows = load_version_rows(registry, version)
    rows = rows[rows["split"] != EXCLUDED]
    return set(zip(rows["sha256"], rows["class_name"], rows["split"], strict=True))


def test_an_exported_folder_imports_as_the_same_classes_and_splits(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    found = exported(registry, version, "imagefolder", tmp_path / "out")
    assert found.splits == {"train": 13, "val": 4, "test": 6}
    # ":" is no character for every file system; the manifest has the class's own name.
    assert {path.name for path in (tmp_path / "out" / "train").iterdir()} == {
        "jelly%3A moon",
        "rose",
    }
    written = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert set(written["class_name"]) == set(CLASSES)
    with Registry.open(tmp_path / "second") as second:
        import_folder(second, tmp_path / "out")
        assert held(second, grow(second)) == held(registry, version)


def test_files_have_their_original_bytes_and_extensions(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    exported(registry, version, "imagefolder", tmp_path / "out")
    files = [
        path
        for path in (tmp_path / "out").rglob("*.*")
        if path.parent.parent.parent == tmp_path / "out"
    ]
    assert len(files) == 23
    assert all(path.read_bytes() == registry.read_image(path.stem) for path in files)
    assert {path.suffix for path in files} == {".jpg", ".png"}


def test_parquet_has_the_bytes_and_says_what_its_columns_are(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    exported(registry, version, "parquet", tmp_path / "out")
    shards = sorted(path.name for path in (tmp_path / "out" / "data").iterdir())
    assert shards == [f"{split}-00000-of-00001.parquet" for split in ("test", "train", "val")]
    found = set()
    for split in ("train", "val", "test"):
        table = pq.read_table(tmp_path / "out" / "data" / f"{split}-00000-of-00001.parquet")
        told = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert told["image"] == {"_type": "Image"}
        assert told.keys() == set(table.column_names)
        for row in table.to_pylist():
            assert row["image"]["bytes"] == registry.read_image(row["sha256"])
            assert row["image"]["path"].startswith(row["sha256"])
            Image.open(io.BytesIO(row["image"]["bytes"])).verify()
            found.add((row["sha256"], told["label"]["names"][row["label"]], split))
    assert found == held(registry, version)


def test_large_versions_are_cut_into_shards(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    contents = load_contents(registry, version)
    largest = int(contents.images["byte_count"].max())
    (tmp_path / "out").mkdir()
    files = write_parquet(registry, contents, tmp_path / "out", SilentProgress(), 3 * largest)
    written = {path.name for path in (tmp_path / "out" / "data").iterdir()}
    assert {Path(name).name for name in files} == written
    assert len([name for name in written if name.startswith("train")]) > 1
    tables = [pq.read_table(path) for path in (tmp_path / "out" / "data").iterdir()]
    assert sum(len(table) for table in tables) == len(contents.images) == 23


@pytest.mark.parametrize("kind", WRITERS)
def test_every_image_is_attributed(
    registry: Registry, version: Version, tmp_path: Path, kind: str
) -> None:
    found = exported(registry, version, kind, tmp_path / "out")
    assert found.without_licence == 22
    rows = pd.read_csv(tmp_path / "out" / "ATTRIBUTION.csv", keep_default_na=False)
    assert len(rows) == 23
    assert all((tmp_path / "out" / file).is_file() for file in rows["file"])
    (row,) = rows[rows["provider"] == "wikimedia"].to_dict("records")
    assert (row["title"], row["creator"]) == ("Moon_[1]*.png", SOURCE.creator)
    assert (row["source_url"], row["licence_url"]) == (SOURCE.url, SOURCE.licence_url)
    text = (tmp_path / "out" / "ATTRIBUTION.md").read_text()
    assert f"[CC BY 4.0](<{SOURCE.licence_url}>): 1 image" in text
    assert rf"[Moon\_\[1\]\*.png](<{SOURCE.page_url}>) by A. \<b\>Photographer" in text
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "- CC BY 4.0: 1 image" in readme
    assert "| rose | 6 | 2 | 3 |" in readme
    assert "Left out of the version: 1 in a group with a test image." in readme


def test_a_folder_that_is_not_empty_is_refused(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        exported(registry, version, "imagefolder", tmp_path / "out")
    with pytest.raises(InputError, match="is a file"):
        exported(registry, version, "imagefolder", tmp_path / "out" / "mine.txt")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="expected one of: imagefolder, parquet"):
        exported(registry, version, "tar", tmp_path / "new")


@pytest.mark.parametrize("kind", WRITERS)
def test_an_export_that_fails_or_was_killed_leaves_nothing(
    registry: Registry, version: Version, tmp_path: Path, kind: str
) -> None:
    victim = min(sha256 for sha256, _, _ in held(registry, version))
    data = registry.read_image(victim)
    (tmp_path / "out").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    # What a killed export leaves does not get into the next one.
    write_set(tmp_path / ".out.partial", {"train/ghost/1.jpg": b"ghost"})
    registry.files.write(build_blob_path(victim), b"other bytes")
    with pytest.raises(StorageError, match="have changed"):
        exported(registry, version, kind, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    registry.files.write(build_blob_path(victim), data)
    write_set(tmp_path / ".out.partial", {"train/ghost/1.jpg": b"ghost"})
    exported(registry, version, kind, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not list((tmp_path / "out").rglob("*ghost*"))


def test_what_was_taken_down_is_left_out_and_counted(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    gone = min(sha256 for sha256, _, _ in held(registry, version))
    with registry.database.transaction() as connection:
        row = {"sha256": gone, "reason": "asked", "at": now()}
        connection.execute(sa.insert(schema.tombstone), [row])
    registry.files.delete(build_blob_path(gone))
    found = exported(registry, version, "imagefolder", tmp_path / "out")
    assert (found.images, found.taken_down) == (22, 1)
    assert not list((tmp_path / "out").rglob(f"{gone}*"))


def test_a_place_that_cannot_be_written_is_told(
    registry: Registry, version: Version, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot export to"):
        exported(registry, version, "imagefolder", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("url", "page", "title"),
    [
        ("https://a.example/x%20y.jpg?w=3", "", "x y.jpg"),
        ("https://a.example/1/large.jpg", "https://a.example/observations/123", "large.jpg"),
        ("https://a.example/1.jpg", "https://a.example/photos/moon-jelly", "moon-jelly"),
        ("import:train/moon/3.jpg", "", "3.jpg"),
        ("https://a.example/", "", "https://a.example/"),
    ],
)
def test_the_title_is_what_the_address_says(url: str, page: str, title: str) -> None:
    assert derive_title(url, page) == title


def test_folder_names_are_the_classes_own_where_they_are_safe() -> None:
    names = ("moon", "sea nettle", "Qualle", "くらげ", "a/b", "..", "CON", "nul.txt", "x.", "50%")
    assert build_folder_names(names) == {
        **{name: name for name in names[:4]},
        "a/b": "a%2Fb",
        "..": "%2E%2E",
        "CON": "%43ON",
        "nul.txt": "%6Eul.txt",
        "x.": "x%2E",
        "50%": "50%25",
    }
    assert build_folder_names(["Daisy", "daisy", "DAISY%2"]) == {
        "DAISY%2": "DAISY%252",
        "Daisy": "Daisy",
        "daisy": "daisy%2",
    }


@given(st.lists(st.text(min_size=1, max_size=300), max_size=6))
def test_folder_names_never_meet_and_are_single_names(class_names: Sequence[str]) -> None:
    names = build_folder_names(name.encode("utf-8", "replace").decode() for name in class_names)
    safe = list(names.values())
    assert len({name.casefold() for name in safe}) == len(safe)
    for name in safe:
        assert len(name.encode()) < 256
        assert not set(name) & set("/\\:\0")
        assert name not in {"", ".", ".."}
        assert not name.startswith(".")
        assert not name.endswith((".", " "))

from pathlib import Path

import pytest
import sqlalchemy as sa
from drawn import encoded, jpeg, labelled_set, picture, write_set

from data_registry.errors import LabelledSetError
from data_registry.images.hashing import compute_sha256
from data_registry.images.image_limits import ImageLimits
from data_registry.images.image_record import build_image_record
from data_registry.images.opening import open_image
from data_registry.images.thumbnail_decode import decode_thumbnail
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.verification.digest import compute_canonical_digest


def test_a_set_without_splits(registry: Registry, tmp_path: Path) -> None:
    summary = import_folder(registry, labelled_set(tmp_path / "set", 5))
    assert (summary.files, summary.images, summary.new) == (10, 10, 10)
    assert summary.classes == {"a": 5, "b": 5}
    assert len(registry.find_labelled_images()) == 10


def test_importing_twice_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    folder = labelled_set(tmp_path / "set", 4)
    import_folder(registry, folder)
    before = compute_canonical_digest(registry)
    assert import_folder(registry, folder).new == 0
    assert compute_canonical_digest(registry) == before


@pytest.mark.parametrize(
    ("names", "split"),
    [(("train", "valid", "test"), "val"), (("Train", "Validation", "Testing"), "val")],
)
def test_splits_are_recognised(
    registry: Registry, tmp_path: Path, names: tuple[str, ...], split: str
) -> None:
    files = {
        f"{n}/{c}/{i}.jpg": jpeg(100 * j + 10 * (c == "b") + i)
        for j, n in enumerate(names)
        for c in "ab"
        for i in (1, 2)
    }
    import_folder(registry, write_set(tmp_path / "set", files))
    given = registry.database.frame(sa.select(schema.label.c.given_split))
    assert set(given["given_split"]) == {"train", split, "test"}


def test_an_unreadable_file_is_named_and_the_rest_is_imported(
    registry: Registry, tmp_path: Path
) -> None:
    folder = labelled_set(tmp_path / "set", 3)
    write_set(folder, {"a/broken.jpg": jpeg(1)[:-300], "a/notes.txt": b"hello"})
    summary = import_folder(registry, folder)
    assert summary.images == 6
    assert {path: why.split(":")[0] for path, why in summary.unreadable} == {
        "a/broken.jpg": "truncated",
        "a/notes.txt": "not_an_image",
    }


def test_bytes_under_two_classes_are_told(registry: Registry, tmp_path: Path) -> None:
    folder = labelled_set(tmp_path / "set", 3)
    write_set(folder, {"b/same.jpg": jpeg(0)})
    assert import_folder(registry, folder).conflicting == ("a/0.jpg", "b/same.jpg")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "it is empty"),
        ({"photo.jpg": jpeg(1)}, "found photo.jpg"),
        ({"a/1.jpg": jpeg(1), "a/2.jpg": jpeg(2), "b/1.jpg": jpeg(3)}, "fewer than 2 images .*: b"),
        ({"a/1.jpg": jpeg(1), "a/2.jpg": b"broken", "b/1.jpg": jpeg(3), "b/2.jpg": jpeg(4)}, ": a"),
        (
            {f"{c}/{i}.jpg": jpeg(i) for c in ("Daisy", "daisy") for i in (1, 2)},
            "upper and lower case alone: Daisy and daisy",
        ),
    ],
)
def test_a_bad_set_is_refused_and_nothing_is_kept(
    registry: Registry, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(LabelledSetError, match=message):
        import_folder(registry, write_set(tmp_path / "set", files))
    assert registry.find_known_images() == set()


def test_a_missing_folder_is_told(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(LabelledSetError, match="is not a folder"):
        import_folder(registry, tmp_path / "nowhere")


def test_what_is_beyond_the_limits_is_named_and_not_read(
    registry: Registry, tmp_path: Path
) -> None:
    folder = labelled_set(tmp_path / "set", 3)
    write_set(folder, {"a/wide.png": encoded(picture(5, 900, 700), "PNG")})
    with (folder / "b" / "film.mp4").open("wb") as film:
        film.truncate(10**12)  # a terabyte that takes no room
    limits = ImageLimits(max_pixels=500_000)
    summary = import_folder(registry, folder, limits=limits)
    assert summary.images == 6
    told = dict(summary.unreadable)
    assert "900 x 700 is 630,000 pixels; at most 500,000" in told["a/wide.png"]
    assert told["b/film.mp4"].startswith("too_large: the file has 1,000,000.0 MB; at most 20 MB")
    assert import_folder(registry, folder).images == 7
    # what counts as a class's images is decided by the same limits
    write_set(folder, {f"c/{n}.png": encoded(picture(n, 900, 700), "PNG") for n in (1, 2)})
    with pytest.raises(LabelledSetError, match=r"fewer than 2 images .*: c"):
        import_folder(registry, folder, limits=limits)


def test_an_imported_image_has_the_hashes_that_a_collected_one_has(
    registry: Registry, tmp_path: Path
) -> None:
    large = encoded(picture(7, 1400, 1000), quality=90)
    import_folder(registry, write_set(tmp_path / "set", {"a/1.jpg": large, "a/2.jpg": jpeg(2)}))
    kept = registry.database.frame(
        sa.select(schema.image_hash.c.orientations).where(
            schema.image_hash.c.sha256 == compute_sha256(large), schema.image_hash.c.kind == "phash"
        )
    )
    collected = build_image_record(large, decode_thumbnail(open_image(large, None)))
    assert kept["orientations"].tolist() == [collected.phash.astype(">u8").tobytes()]

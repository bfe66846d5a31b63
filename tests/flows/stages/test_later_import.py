"""A later, larger labelled set over the one that is there."""

from pathlib import Path

import pandas as pd
import pytest
from small_project import LABEL, PROJECT, digest_of, ephyra, photo, told, write_photos

from data_registry.csv_files import CsvReader
from data_registry.duplicates.grouping import load_groups
from data_registry.images.hashing import compute_sha256
from data_registry.versions.manifest import EXCLUDED
from data_registry.versions.published_versions import find_version, load_version_rows
from flows.config.workspace import open_workspace

COMB = '[[classes]]\nname = "comb"\nqueries = ["comb jelly"]\n\n[collect]'


def splits(folder: Path, tag: str) -> "pd.Series[str]":
    """Read the split of each image of a version, excluded ones included."""
    with open_workspace(folder) as workspace:
        rows = load_version_rows(workspace.registry, find_version(workspace.registry, tag))
    return rows.set_index("sha256")["split"]


def one_of(folder: Path, split: str) -> tuple[str, int]:
    """Find a class and seed whose photo is in a split of v1."""
    placed = splits(folder, "v1")
    return next(
        (name, seed)
        for name in ("moon", "rose")
        for seed in range(12)
        if placed[compute_sha256(photo(name, seed))] == split
    )


def later_set(folder: Path, files: dict[str, bytes]) -> Path:
    """train, valid and test of new photos, with further files among them."""
    for place, name in enumerate(("moon", "rose")):
        for split, first in (("train", 200), ("valid", 300), ("test", 400)):
            write_photos(
                folder / split / name, name, range(first + 50 * place, first + 50 * place + 2)
            )
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def holds(folder: Path) -> bool:
    return bool(told(folder, "verify", "--blobs")["holds"])


def test_a_larger_set_with_a_new_class_grows_every_split(imported: Path) -> None:
    before = splits(imported, "v1")
    write_photos(imported / "labelled" / "moon", "moon", range(30, 50))
    write_photos(imported / "labelled" / "comb", "rose", range(500, 520))
    refused = ephyra("import", imported / "labelled", "--project", imported)
    assert refused.code == 2
    assert "add [[classes]] tables" in " ".join(refused.err.split())
    with_comb = PROJECT.format(label=LABEL).replace("[collect]", COMB, 1)
    (imported / "ephyra.toml").write_text(with_comb)

    said = ephyra("import", imported / "labelled", "--project", imported)
    assert said.code == 0
    assert "new classes: comb" in said.out
    after = splits(imported, "v2")
    assert after[before.index].equals(before)  # nothing that was there has moved
    new = after.drop(before.index)
    assert f"since v1: {sum(new == 'train')} train, {sum(new == 'val')} val" in said.out
    assert len(new) == 40
    found = told(imported, "diff", "v1", "v2")
    assert {row["class_after"] for row in found["images"]} == {"comb", "moon"}
    combs = {row["split_after"] for row in found["images"] if row["class_after"] == "comb"}
    assert combs == {"train", "val", "test"}
    assert holds(imported)


def test_a_train_image_that_meets_a_new_test_image_is_excluded(
    imported: Path, tmp_path: Path
) -> None:
    name, seed = one_of(imported, "train")
    copy = {f"test/{name}/copy.jpg": photo(name, seed, side=96)}
    said = ephyra("import", later_set(tmp_path / "later", copy), "--project", imported)
    assert "no longer in a split: 1 in a group with a test image" in said.out
    after = splits(imported, "v2")
    assert after[compute_sha256(photo(name, seed))] == EXCLUDED
    assert after[compute_sha256(photo(name, seed, side=96))] == "test"
    before = splits(imported, "v1")
    held_out = before[before.isin(["val", "test"])]
    assert after[held_out.index].equals(held_out)
    assert holds(imported)


def test_what_has_taught_stays_in_train_whatever_the_new_set_says(
    imported: Path, tmp_path: Path
) -> None:
    name, seed = one_of(imported, "train")
    same = {f"test/{name}/same.jpg": photo(name, seed)}
    folder = later_set(tmp_path / "later", same)
    said = ephyra("import", folder, "--project", imported)
    assert "1 given as test, stay in train: a split is permanent" in said.out
    assert splits(imported, "v2")[compute_sha256(photo(name, seed))] == "train"
    assert holds(imported)


def test_a_photo_under_another_class_waits_for_a_person(imported: Path, tmp_path: Path) -> None:
    name, seed = one_of(imported, "train")
    other = "rose" if name == "moon" else "moon"
    folder = later_set(tmp_path / "later", {f"train/{other}/same.jpg": photo(name, seed)})
    found = told(imported, "import", folder)
    assert found["changes"]["removed"] == {"under several classes until a person decides": 1}
    assert found["changes"]["undecided"] == {"train": 1}
    assert found["conflicts"] == {"moon, rose": 1}
    assert found["images"]["conflicting"] == [f"train/{other}/same.jpg"]
    assert compute_sha256(photo(name, seed)) not in splits(imported, "v2")


def answer_all(folder: Path, class_name: str) -> list[dict[str, str]]:
    """Fill the review sheet in with one class; returns its rows."""
    sheet = folder / "sheet.csv"
    told(folder, "review", "--sheet", sheet)
    rows = list(CsvReader(sheet.read_text(encoding="utf-8"), ("sha256", "answer"), is_strict=True))
    answers = "".join(f"{row['sha256']},{class_name}\n" for _, row in rows)
    (folder / "answers.csv").write_text(f"sha256,answer\n{answers}")
    told(folder, "review", "--answer", folder / "answers.csv")
    return [dict(row) for _, row in rows]


def test_a_renamed_class_waits_in_the_review_queue(imported: Path) -> None:
    """Its images have two labels and leave the version; the person who can tell is asked."""
    text = (imported / "ephyra.toml").read_text()
    (imported / "ephyra.toml").write_text(text.replace('name = "moon"', 'name = "Mond"'))
    (imported / "labelled" / "moon").rename(imported / "labelled" / "Mond")
    before = splits(imported, "v1")

    said = ephyra("import", imported / "labelled", "--project", imported)
    assert said.out.startswith(
        "12 labelled images, imported under several classes (Mond, moon: 12), are in no version "
        "until a person decides: `ephyra review`. Of v1, 12 leave: "
    )
    assert said.out.splitlines()[-1].startswith(
        "next: 12 images were imported under several classes, and wait outside every version for "
        "a person: `ephyra up`, or `ephyra review --sheet answers.csv`; or go on without: "
    )
    assert told(imported, "status")["waiting_for"] == {"imported under several classes": 12}
    assert len(splits(imported, "v2")) == len(before) - 12

    groups = ephyra("groups", "--project", imported).out
    assert "it was imported under these classes: `ephyra review` asks for the right one" in groups
    refused = ephyra("label", "--project", imported)
    assert refused.code == 2
    assert "12 images imported under several classes wait for a person" in refused.err

    rows = answer_all(imported, "Mond")
    assert len(rows) == 12
    assert {row["detail"] for row in rows} == {"imported under 2 classes: Mond, moon"}
    assert {row["queue"] for row in rows} == {"review"}
    last = ephyra("status", "--project", imported).out.splitlines()[-1]
    assert last == "next: what is known differs from the newest version: `ephyra merge`"
    said = ephyra("merge", "--project", imported)
    assert "several classes" not in said.out
    assert splits(imported, "v3").equals(before)
    again = told(imported, "import", imported / "labelled")
    assert (again["conflicts"], again["images"]["conflicting"]) == ({}, [])
    assert holds(imported)


def test_an_image_under_two_classes_from_the_start_gets_its_split_with_its_class(
    project: Path,
) -> None:
    same = compute_sha256(photo("moon", 3))
    (project / "labelled" / "rose" / "same.jpg").write_bytes(photo("moon", 3))
    assert told(project, "import", project / "labelled")["changes"] is None
    assert same not in splits(project, "v1")
    assert [row["sha256"] for row in answer_all(project, "moon")] == [same]
    told(project, "merge")
    assert splits(project, "v2")[same] in ("train", "val", "test")
    assert holds(project)


def test_the_same_set_again_says_nothing_of_changes(imported: Path, tmp_path: Path) -> None:
    folder = later_set(tmp_path / "later", {})
    first = told(imported, "import", folder)
    assert first["changes"]["added"] == {"train": 4, "val": 4, "test": 4}
    before = digest_of(imported)
    assert told(imported, "import", folder)["changes"] is None
    assert digest_of(imported) == before


@pytest.mark.parametrize("order", [("labelled", "later"), ("later", "labelled")])
def test_no_order_of_imports_parts_a_group(
    project: Path, tmp_path: Path, order: tuple[str, str]
) -> None:
    copies = {f"test/moon/{seed}.jpg": photo("moon", seed, side=96) for seed in range(3)}
    later_set(project / "later", copies)
    for name in order:
        told(project, "import", project / name)
    kept = splits(project, "v2")
    kept = kept[kept != EXCLUDED]
    with open_workspace(project) as workspace:
        groups = kept.index.map(load_groups(workspace.registry))
    assert (kept.groupby(groups).nunique() == 1).all()
    assert holds(project)


def test_an_import_without_test_images_says_so_first_and_exits_with_one(project: Path) -> None:
    """Every photograph of a class is a duplicate of one, and a split must not separate them."""
    for name in ("moon", "rose"):
        folder = project / "copies" / name
        folder.mkdir(parents=True)
        for side in (80, 96, 112):
            (folder / f"{side}.jpg").write_bytes(photo(name, 1, side=side))
    said = ephyra("import", project / "copies", "--project", project)
    assert said.code == 1
    assert said.out.startswith(
        "v1 has no test images, so nothing can be measured. Duplicates stay in one split, and the "
        "largest group holds 3 of 6 images: "
    )

"""The page that describes a version."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright
from small_project import TINTS, ephyra, photo, told, write_photos, write_project

from data_registry.errors import StorageError
from data_registry.images.hashing import compute_sha256
from data_registry.labels.decisions import record_teacher
from data_registry.labels.out_of_fold import load_newest_out_of_fold, write_out_of_fold
from data_registry.registry import build_blob_path
from data_registry.versions.manifest import COLUMNS
from data_registry.versions.published_versions import find_newest_version, load_version_rows
from flows.config.workspace import open_workspace
from flows.reports.dataset.doubts import find_doubts
from flows.reports.dataset.facts import assign_bins, name_bins
from flows.reports.dataset.samples import IN_ALL, select_grids
from flows.stages.stages import import_stage, label_stage

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Build a project whose train holds two roses among the moons, and a copy of a test image.

    There is a test split, so that what is wrong stays in train.
    """
    folder = write_project(tmp_path / "bay")
    for name in TINTS:
        write_photos(folder / "set" / "train" / name, name, range(12))
        write_photos(folder / "set" / "valid" / name, name, range(20, 22))
        write_photos(folder / "set" / "test" / name, name, range(30, 33))
    for seed in WRONG:
        (folder / "set" / "train" / "moon" / f"wrong{seed}.jpg").write_bytes(photo("rose", seed))
    (folder / "set" / "train" / "rose" / "copy.jpg").write_bytes(photo("rose", 30, side=72))
    with open_workspace(folder) as workspace:
        import_stage(workspace, folder / "set")
    return folder


WRONG = (60, 61)


def text_of(page: str) -> str:
    body = page.partition("<body>")[2]
    return " ".join(re.sub("<[^>]+>", " ", body).split())


def test_the_page_tells_what_is_in_a_version(doubtful: Path) -> None:
    said = ephyra("describe", "--project", doubtful)
    assert said.code == 0
    assert "near-duplicates: 1 pair; 1 would stand in two splits" in said.out
    assert "not known yet" in said.out
    found = told(doubtful, "describe", "v1")
    page = Path(found["page"]).read_text()
    words = text_of(page)
    assert words.index("36 images of 2 classes") < words.index("26 train, 4 val, 6 test")
    for expected in (
        "Classes", "Licences", "Sizes", "64 to 127", "Brightness", "mean", "Near-duplicates",
        "across splits", "left out, in a group with a test image", "by hash, distance",
        "What the splits cost", "1 in a group with a test image",
        "Not known yet: there are no out-of-fold predictions", "Samples",
        "in a group with a test image", "train, label",
    ):  # fmt: skip
        assert expected in words
    assert found["facts"]["splits"] == {"train": 26, "val": 4, "test": 6}
    assert found["cost"]["excluded"] == {"rose": {"in a group with a test image": 1}}
    assert found["cost"]["balance"]["train"] == {"moon": 0.5385, "rose": 0.4615}
    assert found["version"]["card"]["cost"] == found["cost"]
    assert "left out: 1 in a group with a test image; moon is -3.8 points in" in said.out
    assert "groups to check: none" in said.out
    assert found["facts"]["sides"] == {"64 to 127": {"train": 26, "val": 4, "test": 6}}
    assert found["brightness"]["train"]["images"] == 26
    assert sum(found["brightness"]["test"]["shares"]) == pytest.approx(1)
    assert page.count("data:image/jpeg;base64,") >= 16 + 2
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page


def test_groups_to_look_at_are_shown_by_their_weakest_link(doubtful: Path) -> None:
    names = [compute_sha256(photo("moon", 0)), compute_sha256(photo("rose", 0))]
    told(doubtful, "groups", "--same", *names)
    found = told(doubtful, "describe")
    (group,) = found["reported"]
    assert group["classes"] == ["moon", "rose"]
    words = text_of(Path(found["page"]).read_text())
    assert "2 images: two classes: moon, rose person, distance 0.0" in words
    assert all(name[:12] in words for name in names)


def test_labels_that_a_teacher_doubts_are_shown_the_most_doubtful_first(doubtful: Path) -> None:
    worse, worst = (compute_sha256(photo("rose", seed)) for seed in WRONG)
    with open_workspace(doubtful) as workspace:
        registry = workspace.registry
        version = find_newest_version(registry)
        assert version is not None
        rows = load_version_rows(registry, version).set_index("sha256")
        moon = np.where(rows["class_name"] == "moon", 0.8, 0.2)
        moon[rows.index == worse], moon[rows.index == worst] = 0.15, 0.05
        record_teacher(registry, "teacher", {})
        shares = np.column_stack([moon, 1 - moon])
        write_out_of_fold(registry, "teacher", rows.index, ["moon", "rose"], shares)
    found = told(doubtful, "describe")
    doubts = found["doubts"]
    assert (doubts["images"], doubts["count"]) == (26, 2)
    assert [item["sha256"] for item in doubts["shown"]] == [worst, worse]
    assert doubts["shown"][0]["predicted"] == "rose"
    assert doubts["shown"][0]["given_share"] == pytest.approx(0.05)
    words = text_of(Path(found["page"]).read_text())
    assert "2 of 26 labels in train look wrong" in words
    assert "moon , 5 % rose, 95 %" in words


def test_out_of_fold_words_are_probabilities_and_damage_is_told(doubtful: Path) -> None:
    with open_workspace(doubtful) as workspace:
        registry = workspace.registry
        assert load_newest_out_of_fold(registry) is None
        label_stage(workspace)
        found = load_newest_out_of_fold(registry)
        assert found is not None
        teacher_id, table = found
        assert sorted(table.columns) == sorted(TINTS)
        assert np.allclose(table.sum(axis="columns"), 1)
        version = find_newest_version(registry)
        assert version is not None
        rows = load_version_rows(registry, version)
        # Of a class that it does not know the teacher can doubt nothing.
        assert find_doubts(registry, rows.assign(class_name="zebra")).images == 0
        assert find_doubts(registry, rows.head(0)).images == 0
        registry.files.write(f"out_of_fold/{teacher_id}.parquet", b"PAR1 no more")
        with pytest.raises(StorageError, match="is damaged"):
            load_newest_out_of_fold(registry)


def test_a_picture_whose_bytes_are_gone_leaves_its_place_free(doubtful: Path) -> None:
    with open_workspace(doubtful) as workspace:
        workspace.registry.files.delete(build_blob_path(compute_sha256(photo("rose", 30))))
    page = Path(told(doubtful, "describe")["page"]).read_text()
    assert page.count('<div class="gone">') >= 1


def test_a_later_version_says_what_changed(doubtful: Path, tmp_path: Path) -> None:
    for name in TINTS:
        write_photos(tmp_path / "more" / "train" / name, name, range(40, 43))
    told(doubtful, "import", tmp_path / "more")
    words = text_of(Path(told(doubtful, "describe", "v2")["page"]).read_text())
    assert "Made from v1 Since then 6 added, 0 removed, 0 relabelled, 0 moved" in words


def test_bins_say_what_they_hold() -> None:
    assert name_bins((64, 128)) == ["below 64", "64 to 127", "128 or more"]
    assert name_bins((2, 3, 6)) == ["1", "2", "3 to 5", "6 or more"]
    values = pd.Series([1, 2, 3, 5, 6, 900])
    assert list(assign_bins(values, (2, 3, 6))) == [
        "1", "2", "3 to 5", "3 to 5", "6 or more", "6 or more",
    ]  # fmt: skip


def test_many_classes_share_the_page() -> None:
    rows = pd.DataFrame("", index=range(3 * IN_ALL), columns=list(COLUMNS))
    rows["sha256"] = [f"{number:064x}" for number in range(len(rows))]
    rows["class_name"] = [f"class {number % (IN_ALL // 2)}" for number in range(len(rows))]
    rows["split"] = "train"
    grids = select_grids(rows, set(rows["sha256"]))
    assert len(grids) == IN_ALL // 2
    assert sum(len(grid.samples) for grid in grids) == IN_ALL
    assert {grid.images for grid in grids} == {6}


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light")])
def test_a_browser_shows_the_page_without_asking_for_anything(
    chromium: str, doubtful: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    path = Path(told(doubtful, "describe")["page"])
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert "36 images of 2 classes" in page.inner_text("h1")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

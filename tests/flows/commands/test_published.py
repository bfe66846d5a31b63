"""What a person does with versions, through the command line."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_project import digest_of, ephyra, photo, told
from typer.testing import CliRunner

from data_registry.images.hashing import compute_sha256
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import build_blob_path
from flows.cli import app
from flows.config.workspace import open_workspace
from flows.stages.embedding import open_feature_store
from flows.stages.stages import collect_stage, group_stage, merge_stage

FOUND, JUNK = compute_sha256(photo("moon", 100)), compute_sha256(photo("rose", 101))


@pytest.fixture
def grown(imported: Path) -> Path:
    """v1 is the imported set; v2 has one collected image more, which a person named."""
    with open_workspace(imported) as workspace:
        collect_stage(workspace)
        record_annotations(
            workspace.registry,
            [Annotation(sha256=FOUND, class_name="moon", person="ada", note="clear")],
        )
        merge_stage(workspace)
    return imported


def test_diff_tells_what_came(grown: Path) -> None:
    said = ephyra("diff", "v1", "v2", "--project", grown)
    assert said.code == 0
    assert "v1 to v2, 24 and 25 images: 1 added" in said.out
    assert "moon" in said.out
    found = told(grown, "diff", "v1", "v2", "--csv", grown / "changes.csv")
    assert found["changes"] == {"added": 1, "removed": 0, "relabelled": 0, "moved": 0}
    (row,) = found["images"]
    assert (row["sha256"], row["split_after"], row["origin_after"]) == (
        FOUND,
        "train",
        "annotation",
    )
    written = pd.read_csv(found["csv"], keep_default_na=False)
    assert written.to_dict("records") == found["images"]
    back = told(grown, "diff", "v2", "v1")
    assert back["changes"]["removed"] == 1


def test_diff_of_a_version_with_itself_and_with_none(grown: Path) -> None:
    assert "v2 to v2, 25 and 25 images: none" in ephyra("diff", "v2", "v2", "--project", grown).out
    said = ephyra("diff", "v1", "v9", "--project", grown, "--json")
    assert (said.code, said.json["message"]) == (2, "there is no version v9; there are: v1, v2")


def test_why_tells_one_image_s_life(grown: Path) -> None:
    said = ephyra("why", FOUND[:12], "--project", grown)
    assert said.code == 0
    assert said.out.startswith(FOUND)
    assert "now: in v2, train, as moon (annotation)" in said.out
    words = " ".join(said.out.split())
    assert "moon, by ada (review): clear" in words
    found = told(grown, "why", FOUND)
    whats = [event["what"] for event in found["events"]]
    assert whats[0] == "tried"
    assert whats[-1] == "version"
    assert {"seen", "stored", "answered", "assigned"} <= set(whats)
    same = told(grown, "why", grown / "found" / "moon jelly" / "100.jpg")
    assert same == found


def test_why_of_nothing_known_is_told(grown: Path) -> None:
    said = ephyra("why", "0000000000", "--project", grown)
    assert (said.code, said.out) == (2, "")
    assert "no image begins with 0000000000" in said.err


@pytest.mark.parametrize("kind", ["imagefolder", "parquet"])
def test_export_writes_a_folder_and_says_where(grown: Path, tmp_path: Path, kind: str) -> None:
    said = ephyra("export", "v2", tmp_path / "out", "--to", kind, "--project", grown)
    assert said.code == 0
    assert f"wrote v2 to {tmp_path / 'out'}: 25 images" in said.out
    assert "the licence of 25 images is not stated" in " ".join(said.out.split())
    assert (tmp_path / "out" / "ATTRIBUTION.csv").is_file()
    again = ephyra("export", "v2", tmp_path / "out", "--to", kind, "--project", grown, "--json")
    assert (again.code, again.json["error"]) == (2, "InputError")
    found = told(grown, "export", "v1", tmp_path / "first", "--to", kind)
    assert (found["images"], found["kind"], found["taken_down"]) == (24, kind, 0)


def test_export_deals_train_into_folds(grown: Path, tmp_path: Path) -> None:
    found = told(grown, "export", "v2", tmp_path / "out", "--folds", "3")
    rows = pd.read_csv(tmp_path / "out" / "manifest.csv")
    train = rows[rows["split"] == "train"]
    assert sorted(train["fold"].unique()) == [1, 2, 3]
    assert rows["fold"][rows["split"] != "train"].isna().all()
    assert (found["folds"], found["thin_classes"]) == (3, [])
    assert "into 3 folds" in (tmp_path / "out" / "README.md").read_text()
    said = ephyra("export", "v2", tmp_path / "no", "--folds", "99", "--project", grown)
    assert said.code == 2
    assert "99 folds of 17 groups in train" in said.err
    assert not (tmp_path / "no").exists()


def test_export_to_something_else_is_refused(grown: Path, tmp_path: Path) -> None:
    assert ephyra("export", "v2", tmp_path / "x", "--to", "zip", "--project", grown).code == 2
    assert not (tmp_path / "x").exists()


@pytest.fixture
def rejected(grown: Path) -> Path:
    """Build the project with one rejected collected image and its features."""
    with open_workspace(grown) as workspace:
        registry = workspace.registry
        record_teacher(registry, "teacher", {})
        decision = Decision(
            sha256=JUNK,
            teacher_id="teacher",
            policy="p",
            verdict="rejected",
            class_name="rose",
            confidence=0.4,
            reason="unlike-labelled",
            detail="far",
        )
        record_decisions(registry, [decision])
        group_stage(workspace)
    return grown


def test_gc_names_what_would_go_and_then_lets_it_go(rejected: Path) -> None:
    before = digest_of(rejected)
    said = ephyra("gc", "--dry-run", "--project", rejected)
    assert said.code == 0
    words = " ".join(said.out.split())
    assert "rose jelly/101.jpg rejected, unlike-labelled: far" in words
    assert "1 image and 0 files would go" in words
    assert "24 labelled by the user" in words
    assert digest_of(rejected) == before

    found = told(rejected, "gc")
    assert [item["sha256"] for item in found["images"]["images"]] == [JUNK]
    assert found["byte_count"] == len(photo("rose", 101))
    assert not list((rejected / "blobs").rglob(JUNK))
    assert told(rejected, "gc")["images"]["images"] == []
    assert told(rejected, "verify", "--blobs")["holds"]
    assert told(rejected, "why", JUNK)["state"].startswith("collected, not kept: rejected")


def test_gc_has_nothing_to_do_where_nothing_was_turned_down(grown: Path) -> None:
    with open_workspace(grown) as workspace:
        group_stage(workspace)
        store, images = (
            open_feature_store(workspace),
            sorted(workspace.registry.find_present_images()),
        )
        assert store.list_missing(images) == []
        assert told(grown, "gc")["images"]["images"] == []
        assert store.list_missing(images) == []


def test_after_gc_every_stage_goes_on_and_nothing_is_fetched_again(rejected: Path) -> None:
    with open_workspace(rejected) as workspace:
        store = open_feature_store(workspace)
        assert store.list_missing([JUNK]) == []
        told(rejected, "gc")
        assert store.list_missing([JUNK]) == [JUNK]
    (again,) = told(rejected, "collect")["providers"]
    assert (again["outcomes"], again["skipped"]) == ({}, 10)
    decided = told(rejected, "label")["label"]
    assert decided["pool"] == 6  # 8 were stored; one has a person's word, one is not kept
    assert told(rejected, "merge")["tag"] in {"v2", "v3"}
    assert told(rejected, "verify", "--blobs")["holds"]


def lose_half_of_the_database(project: Path) -> int:
    """As if a backup from before most images had been restored; how many files it does not know."""
    with open_workspace(project) as workspace:
        registry = workspace.registry
        names = [registry.store_bytes(photo("moon", 5000 + seed)) for seed in range(30)]
        for name in names:
            path = registry.files.build_local_path(build_blob_path(name))
            assert path
            os.utime(path, (0, 0))
    return len(names)


def test_gc_deletes_no_large_share_unasked(grown: Path) -> None:
    count = lose_half_of_the_database(grown)
    blobs = sorted(path.name for path in (grown / "blobs").rglob("*") if path.is_file())
    for arguments in (["--json"], []):  # nobody answers the question
        said = ephyra("gc", "--project", grown, *arguments)
        assert said.code == 2
        assert f"{count} of " in said.out + said.err
        assert "--yes" in said.out + said.err
    wrong = CliRunner().invoke(app, ["gc", "--project", str(grown)], input="7\n")
    assert wrong.exit_code == 2
    assert sorted(path.name for path in (grown / "blobs").rglob("*") if path.is_file()) == blobs
    said = ephyra("verify", "--project", grown)
    assert said.code == 1
    assert "bytes-without-row" in said.out
    assert not told_no(grown, "verify")["holds"]

    right = CliRunner().invoke(app, ["gc", "--project", str(grown)], input=f"{count}\n")
    assert right.exit_code == 0
    assert told(grown, "verify")["holds"]


def test_a_script_may_let_gc_delete_much(grown: Path) -> None:
    count = lose_half_of_the_database(grown)
    assert len(told(grown, "gc", "--yes")["files"]) == count


def test_commands_refuse_a_database_that_lost_the_folder_s_images(grown: Path) -> None:
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (grown / name).unlink(missing_ok=True)
    before = sorted(path for path in grown.rglob("*") if path.is_file())
    for command in (["gc"], ["gc", "--yes"], ["verify"], ["status"], ["merge"], ["collect"]):
        said = ephyra(*command, "--project", grown)
        assert said.code == 2, said
        assert "do not belong together" in said.err
    assert sorted(path for path in grown.rglob("*") if path.is_file()) == before


def told_no(folder: Path, *arguments: str) -> dict[str, Any]:
    said = ephyra(*arguments, "--project", folder, "--json")
    assert said.code == 1, said
    return said.json

"""The demo as a user gives it: one command, one table, and a workspace that keeps every rule."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data_registry.duplicates.match_thresholds import Radii
from data_registry.registry import Registry
from data_registry.verification.verify import verify

EPHYRA = Path(sys.executable).with_name("ephyra")


@pytest.mark.slow
def test_the_demo_goes_the_whole_way(tmp_path: Path) -> None:
    folder = tmp_path / "bay"
    command = [str(EPHYRA), "demo", "--keep", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (collected,) = told["found"]["collect"]["providers"]
    assert sum(collected["outcomes"].values()) == 600
    assert {"stored", "known", "not_found", "refused_noai", "blank", "too_small"} <= set(
        collected["outcomes"]
    )
    label = told["found"]["label"]
    assert told["accepted"] == label["verdicts"]["accepted"] > 20
    # What 0.95 accepts is mostly right: the bound is loose, the figure stands in the table.
    assert told["right"] >= 0.85 * told["accepted"]
    (comparison,) = told["found"]["train"]["comparisons"]
    assert comparison["train_with"] > comparison["train_without"]
    assert comparison["low"] <= comparison["difference"] <= comparison["high"]
    assert Path(comparison["report"]).is_file()
    with Registry.open(folder) as registry:
        found = verify(registry, Radii(), blobs=True)
    assert found.versions == ("v1", "v2")
    assert found.breaches == ()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    command = [str(EPHYRA), "demo", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]

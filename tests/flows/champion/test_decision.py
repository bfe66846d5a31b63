"""Who becomes champion: on validation or held-out folds of train, never on test."""

from pathlib import Path

import pytest
from small_project import (
    LABEL,
    PROJECT,
    TINTS,
    ephyra,
    told,
    write_found,
    write_labelled_set,
    write_photos,
    write_project,
)

from data_registry.runs.champions import ChampionDecision, load_champion_decisions
from data_registry.runs.run_records import count_test_readings as readings_of_test
from flows.config.workspace import open_workspace

SECOND = """
[[train.models]]
name = "cnn"
input_size = 32
steps = 40
batch_size = 8
learning_rate = 0.01
model_args = { widths = [8, 16] }
"""


def project_with(folder: Path, promote: str = "", models: str = "") -> Path:
    """Build a project with its labelled set imported and found images collected and labelled."""
    text = PROJECT.format(label=LABEL) + models
    write_project(folder, f"{text}\n[promote]\n{promote}\n")
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder / "labelled"))
    told(folder, "collect")
    told(folder, "label")
    told(folder, "merge")
    return folder


def decisions_in(folder: Path) -> list[ChampionDecision]:
    with open_workspace(folder) as workspace:
        return load_champion_decisions(workspace.registry)


def readings_in(folder: Path) -> int:
    with open_workspace(folder) as workspace:
        return readings_of_test(workspace.registry)


def test_what_machines_labelled_is_not_promoted_unaudited(tmp_path: Path) -> None:
    folder = project_with(tmp_path / "bay")
    decided = told(folder, "train")["decide"]
    assert (decided["verdict"], decided["basis"]) == ("promoted", "no contest")
    assert "cnn, without: the only one" in decided["reason"]
    (refusal,) = decided["not_eligible"]
    assert "nobody has audited" in refusal
    (version,) = [item for item in told(folder, "versions")["versions"] if item["tag"] == "v2"]
    mark = version["card"]["audit"]
    assert mark["state"] == "unaudited"
    assert mark["machine_labelled"] > 0

    readings = readings_in(folder)
    again = told(folder, "train")["decide"]
    assert (again["verdict"], again["champion"]) == ("kept", decided["champion"])
    assert readings_in(folder) == readings


@pytest.mark.slow
def test_where_validation_is_small_held_out_folds_of_train_decide(tmp_path: Path) -> None:
    folder = project_with(tmp_path / "bay", 'machine_labelled = "always"\nfolds = 3')
    first = told(folder, "train")["decide"]
    assert first["basis"] == "grouped cross-validation"
    assert first["images"] == told(folder, "versions")["versions"][0]["card"]["splits"]["train"]
    assert "the lowest log-loss of 2" in first["reason"]
    assert sorted((folder / "cross_validation").glob("*.parquet"))

    again = told(folder, "train")["decide"]
    assert again["verdict"] in {"undecided", "kept", "promoted"}
    assert "held-out training images" in again["reason"]
    assert "95 % interval" in again["reason"]
    recorded = decisions_in(folder)
    evidence = recorded[-1].evidence
    assert evidence["low"] <= evidence["difference"] <= evidence["high"]
    told(folder, "train")
    assert decisions_in(folder) == recorded


@pytest.mark.slow
def test_where_validation_is_large_enough_it_decides(tmp_path: Path) -> None:
    folder = project_with(
        tmp_path / "bay", "least_validation = 4\ncalibrate = false", models=SECOND
    )
    decided = told(folder, "train")["decide"]
    assert (decided["basis"], decided["images"]) == ("validation", 4)
    assert "the lowest log-loss of 2" in decided["reason"]
    assert not (folder / "cross_validation").exists()


@pytest.mark.slow
def test_later_runs_challenge_the_champion(tmp_path: Path) -> None:
    """More answers make a third version; the old champion is asked about the same images."""
    folder = project_with(tmp_path / "bay", "least_validation = 4")
    first = told(folder, "train")["decide"]
    text = (folder / "ephyra.toml").read_text()
    (folder / "ephyra.toml").write_text(text.replace("steps = 4", "steps = 60"))
    second = told(folder, "train")["decide"]
    assert second["basis"] == "validation"
    assert second["verdict"] in {"undecided", "promoted", "kept"}
    if second["verdict"] != "promoted":
        assert second["champion"] == first["champion"]
    assert second["challenger"] not in {"", first["champion"]}


@pytest.mark.slow
def test_a_champion_of_an_earlier_version_answers_for_new_validation_images(
    tmp_path: Path,
) -> None:
    folder = project_with(tmp_path / "bay", "least_validation = 4")
    told(folder, "train")
    for name in TINTS:
        write_photos(folder / "more" / "train" / name, name, range(300, 303))
        write_photos(folder / "more" / "valid" / name, name, range(320, 324))
    told(folder, "import", folder / "more")
    decided = told(folder, "train")["decide"]
    assert (decided["basis"], decided["images"]) == ("validation", 12)
    assert "of 12 validation images" in decided["reason"]


@pytest.mark.slow
def test_an_audit_opens_the_way_as_far_as_it_certifies(tmp_path: Path) -> None:
    folder = project_with(tmp_path / "bay", "certified_precision = 0.9")
    rows = told(folder, "decisions")["rows"]
    true = {row["sha256"]: row["query"].split()[0] for row in rows if row["query"]}
    sample = [
        r["sha256"]
        for r in told(folder, "review", "--audit", "4")["queue"]
        if r["queue"] == "audit"
    ]
    assert len(sample) == 4
    answers = [f"{sha256},{true.get(sha256, 'moon')}" for sha256 in sample]
    (tmp_path / "answers.csv").write_text("\n".join(["sha256,answer", *answers]))
    told(folder, "review", "--answer", tmp_path / "answers.csv")
    mark = told(folder, "merge")["card"]["audit"]
    assert mark["state"] == "audited"
    assert 0.2 < mark["certified"] < 0.9  # four right of four
    (refusal,) = told(folder, "train")["decide"]["not_eligible"]
    assert f"the audit certifies {mark['certified']:.3f}" in refusal
    text = (folder / "ephyra.toml").read_text()
    (folder / "ephyra.toml").write_text(
        text.replace("certified_precision = 0.9", "certified_precision = 0.2")
    )
    assert told(folder, "train")["decide"]["not_eligible"] == []


def test_by_hand_and_back(tmp_path: Path) -> None:
    folder = project_with(tmp_path / "bay")
    trained = told(folder, "train")
    first = trained["decide"]["champion"]
    other = next(name for name in trained["comparisons"][0]["runs"] if name != first)
    assert told(folder, "promote", other[:8])["run_id"] == other
    assert told(folder, "status")["champion"] == other
    back = told(folder, "rollback", "--reason", "worse at night")
    assert (back["run_id"], back["verdict"]) == (first, "rolled back")
    refused = ephyra("rollback", "--project", folder)
    assert (refused.code, "no earlier champion" in refused.err) == (2, True)
    assert ephyra("promote", "nobody", "--project", folder).code == 2

"""Review from the command line: sheets that spreadsheets open, answers as they give them back."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_project import LABEL, PROJECT, ephyra, photo, told, write_project

from data_registry.csv_files import CsvReader
from data_registry.labels.class_resolution import load_current_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from flows.config.workspace import open_workspace

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
CLASSES = ("-1+1|cmd", "Moon_jellyfish", "none")
# What strangers may write into the fields that a table keeps.
CREATOR = '=HYPERLINK("http://127.0.0.1","A. Diver")'
SOURCES = [
    {"file": "@a.jpg", "creator": CREATOR, "licence": "BY"},
    {"file": "+b.jpg", "creator": "-2+3", "licence": "BY"},
    {"file": "=c.jpg", "creator": "'A' \n@B", "licence": "BY"},
]
TEACHER = "t" * 64


def write_set(folder: Path) -> Path:
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for seed in range(10):
            data = photo("moon" if number % 2 else "rose", 1000 * number + seed)
            (folder / name / f"={seed}.jpg").write_bytes(data)
    return folder


@pytest.fixture
def bay(tmp_path: Path) -> Path:
    """Build a project with classes, files and creators like formulas; three images wait."""
    text = PROJECT.format(label=LABEL).replace('path = "found"', 'path = "found"\ntable = "f.csv"')
    for plain, name in zip(("moon", "rose"), CLASSES, strict=False):
        text = text.replace(f'name = "{plain}"', f'name = "{name}"')
    text = text.replace("[collect]", '[[classes]]\nname = "none"\n\n[collect]')
    folder = write_project(tmp_path / "bay", text)
    (folder / "found").mkdir()
    for seed, row in enumerate(SOURCES, start=500):
        (folder / "found" / row["file"]).write_bytes(photo("moon", seed))
    with (folder / "f.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["file", "creator", "licence"])
        writer.writeheader()
        writer.writerows(SOURCES)
    told(folder, "import", write_set(folder / "labelled"))
    told(folder, "collect")
    return folder


def decide(folder: Path, verdict: str) -> list[str]:
    """Decisions as a teacher makes them; returns the images."""
    with open_workspace(folder) as workspace:
        registry = workspace.registry
        names = sorted(registry.find_present_images() - registry.find_labelled_images())
        record_teacher(registry, TEACHER, {})
        decisions = [
            Decision(
                sha256=name,
                teacher_id=TEACHER,
                policy="threshold",
                verdict=verdict,
                class_name=CLASSES[0],
                confidence=0.9,
                reason="why",
                detail="@words",
            )
            for name in names
        ]
        record_decisions(registry, decisions)
    return names


def cells_of(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8") as stream:
        return [cell for row in csv.reader(stream) for cell in row]


def rows_of(file: Path) -> list[dict[str, str]]:
    return [dict(row) for _, row in CsvReader(file.read_bytes().decode(), [])]


def answers_of(folder: Path) -> dict[str, str]:
    with open_workspace(folder) as workspace:
        said = load_current_annotations(workspace.registry)
    return dict(zip(said["sha256"], said["class_name"], strict=True))


def test_no_csv_of_ours_holds_a_formula(bay: Path, tmp_path: Path) -> None:
    names = decide(bay, "review")
    decisions, sheet, changes = (tmp_path / f"{name}.csv" for name in ("pool", "sheet", "changes"))
    told(bay, "review", "--sheet", sheet)
    answers = [[name, CLASSES[0]] for name in names]
    sheet_of_answers(tmp_path / "answers.csv", answers, ",")
    told(bay, "review", "--answer", tmp_path / "answers.csv")
    told(bay, "decisions", "--csv", decisions)
    tag = told(bay, "merge")["tag"]
    told(bay, "diff", "v1", tag, "--csv", changes)
    told(bay, "export", tag, "--to", "imagefolder", tmp_path / "handed")
    written = [decisions, sheet, changes, *(tmp_path / "handed").glob("*.csv")]
    assert len(written) == 5
    for file in written:
        assert [cell for cell in cells_of(file) if cell.startswith(FORMULAS)] == []
    assert {row["creator"] for row in rows_of(decisions)} == {row["creator"] for row in SOURCES}
    assert {row["annotation"] for row in rows_of(decisions)} == {CLASSES[0]}
    attributed = rows_of(tmp_path / "handed" / "ATTRIBUTION.csv")
    assert CREATOR in {row["creator"] for row in attributed}
    assert CLASSES[0] in {row["class_name"] for row in rows_of(tmp_path / "handed/manifest.csv")}


def test_a_creator_is_forgotten_as_the_csv_spells_it(bay: Path) -> None:
    assert told(bay, "forget", "--creator", f"'{CREATOR}", "--dry-run") == told(
        bay, "forget", "--creator", CREATOR, "--dry-run"
    )


def sheet_of_answers(file: Path, answers: list[list[str]], delimiter: str) -> Path:
    with file.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerows([["sha256", "answer"], *answers])
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_answers_are_taken_as_spreadsheets_and_people_write_them(
    bay: Path, tmp_path: Path, delimiter: str
) -> None:
    names = decide(bay, "review")
    spelt = zip(names, ("'-1+1|cmd", "moon jellyfish", "None"), strict=True)
    sheet = sheet_of_answers(tmp_path / "a.csv", [list(row) for row in spelt], delimiter)
    told(bay, "review", "--answer", sheet)
    assert answers_of(bay) == dict(zip(names, CLASSES, strict=True))


def test_a_class_called_none_is_a_class(bay: Path, tmp_path: Path) -> None:
    names = decide(bay, "review")
    said = told(bay, "review")
    assert said["none_word"] == "none of the classes"
    answers = [[names[0], "none"], [names[1], said["none_word"]]]
    told(bay, "review", "--answer", sheet_of_answers(tmp_path / "a.csv", answers, ","))
    assert answers_of(bay) == {names[0]: "none", names[1]: ""}
    told(bay, "decisions", "--csv", tmp_path / "pool.csv")
    written = {row["sha256"]: row["annotation"] for row in rows_of(tmp_path / "pool.csv")}
    assert written == {names[0]: "none", names[1]: "none of the classes", names[2]: ""}


def test_an_audit_that_is_too_small_says_so(bay: Path) -> None:
    decide(bay, "accepted")
    said = ephyra("review", "--audit", "2", "--project", bay)
    assert said.code == 0
    shown = " ".join(said.out.split())
    assert "sample holds 2 of 3 accepted images; 0.95 takes 3 without an error" in shown
    assert "2 answers can certify 0.667 at most: run `ephyra review --audit 3`" in shown
    larger = told(bay, "review", "--audit", "59")
    assert (larger["drawn"], larger["can_certify"]) == (3, 1.0)


def test_an_audit_says_what_is_missing_and_what_is_certified(bay: Path, tmp_path: Path) -> None:
    decide(bay, "accepted")
    drawn = [row["sha256"] for row in told(bay, "review", "--audit", "3")["queue"]]
    for count, words in (
        (1, "1 of 1 right: at least 0.333 (95 % confidence); 2 further answers without an error"),
        (3, "3 of 3 right: certified at least 1.000 (95 % confidence)"),
    ):
        answers = [[name, CLASSES[0]] for name in drawn[:count]]
        sheet = sheet_of_answers(tmp_path / "a.csv", answers, ",")
        said = ephyra("review", "--answer", sheet, "--project", bay)
        assert words in " ".join(said.out.split())


def test_a_failed_audit_says_what_would_pass(bay: Path, tmp_path: Path) -> None:
    decide(bay, "accepted")
    drawn = [row["sha256"] for row in told(bay, "review", "--audit", "3")["queue"]]
    answers = [[drawn[0], CLASSES[1]], *([name, CLASSES[0]] for name in drawn[1:])]
    sheet = sheet_of_answers(tmp_path / "a.csv", answers, ",")
    shown = " ".join(ephyra("review", "--answer", sheet, "--project", bay).out.split())
    assert "2 of 3 right: failed, since 0.95 allows 0 wrong of 3. A target of 0.667" in shown
    assert "certified" not in shown
    refused = ephyra("review", "--audit", "3", "--project", bay)
    assert refused.code == 2
    assert "1 of the 3 accepted images are wrong" in " ".join(refused.err.split())


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_reader_who_has_seen_enough_changes_no_exit_code(bay: Path, as_json: list[str]) -> None:
    decide(bay, "review")
    read, write = os.pipe()
    os.close(read)  # as `| head` does
    command = [str(Path(sys.executable).with_name("ephyra")), "review", "--sheet", "s.csv"]
    command += as_json
    done = subprocess.run(command, check=False, cwd=bay, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (bay / "s.csv").exists()

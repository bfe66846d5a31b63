"""Each result has one presenter: the terminal, Prefect's pages, flows and the demo agree."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from small_project import ephyra, photo, write_labelled_set, write_project

from collectors.ledger import CollectSummary
from flows.champion.decision import Decided
from flows.config.workspace import open_workspace
from flows.orchestration.answer_rows import format_text, list_rows
from flows.output.answer import Answer
from flows.output.champion_view import build_decision_answer
from flows.output.collection_view import build_collect_answer
from flows.output.flow_view import build_retrain_answer, build_run_answer
from flows.output.import_view import build_import_answer
from flows.output.train_view import build_train_answer
from flows.output.version_view import build_merge_answer
from flows.shared.serialisation import make_plain, make_plain_record
from flows.stages.stages import import_stage, merge_stage
from flows.training.model_results import ModelResult
from flows.training.train_stage import Trained

RESULT = ModelResult(
    model="tiny",
    answer="better",
    sentence="+3.0 points",
    settling="",
    accuracy_without="80.0 %",
    accuracy_with="83.0 %",
    train_without=10,
    train_with=20,
    difference=0.03,
    low=0.01,
    high=0.05,
    report="/reports/v1-tiny/report.html",
    runs=("a", "b"),
)
TRAINED = Trained(version="v2", test_images=30, comparisons=(RESULT,), warnings=("a small test",))
DECIDED = Decided(
    verdict="promoted",
    champion="abc",
    challenger="abc",
    basis="validation",
    images=30,
    reason="no champion yet",
    not_eligible=("tiny, without: too few images",),
)
COLLECTED = (
    CollectSummary(
        provider="folder",
        outcomes={"stored": 3, "known": 1},
        by_query={},
        skipped=2,
        bad_records=1,
        bad_examples=("no URL",),
    ),
)


def list_lines(answer: Answer) -> Sequence[str]:
    return [str(item) for item in answer.shown if not isinstance(item, Table)]


def record_flow(workspace: Path) -> dict[str, Any]:
    """Build what a flow records of its stages."""
    with open_workspace(workspace) as opened:
        version = merge_stage(opened)
    return {
        "collect": {"providers": make_plain(COLLECTED)},
        "label": {"verdicts": {"accepted": 2}},
        "merge": make_plain_record(version),
        "train": make_plain_record(TRAINED),
        "decide": make_plain_record(DECIDED),
    }


def test_prefect_shows_the_terminals_lines_and_rows() -> None:
    for answer in (build_collect_answer(COLLECTED), build_train_answer(TRAINED, DECIDED)):
        for line in list_lines(answer):
            assert line in format_text(answer)
        (table,) = (item for item in answer.shown if isinstance(item, Table))
        rows = list_rows(answer)
        assert len(rows) == table.row_count
        assert [*rows[0]] == [column.header for column in table.columns]
    assert list_rows(build_collect_answer(COLLECTED))[0]["candidates"] == "1"
    assert [page.path for page in build_train_answer(TRAINED, DECIDED).pages] == [RESULT.report]


def test_an_answer_without_a_table_is_a_row_of_its_values(tmp_path: Path) -> None:
    (row,) = list_rows(build_decision_answer(DECIDED))
    assert row["verdict"] == "promoted"
    assert row["not_eligible"] == "tiny, without: too few images"
    with open_workspace(write_project(tmp_path / "project")) as workspace:
        imported = import_stage(workspace, write_labelled_set(tmp_path / "set"))
        answer = build_merge_answer(imported.version)
    assert list_rows(answer)[0]["tag"] == "v1"
    assert "machine-made classes: none" in format_text(answer)


def test_flows_repeat_the_lines_of_their_stages(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    assert ephyra("import", write_labelled_set(tmp_path / "set"), "--project", project).code == 0
    found = record_flow(project)
    training = list_lines(build_train_answer(TRAINED, DECIDED))
    for answer in (build_run_answer(found), build_retrain_answer(found)):
        lines = list_lines(answer)
        assert any(line.startswith("merged: v1, ") for line in lines)
        of_training = [line for line in lines if line.split(":")[0] in LABELS]
        assert of_training == [line for line in training if line.split(":")[0] in LABELS]
    assert "collected: 1 known, 3 stored" in list_lines(build_run_answer(found))
    assert "labelled: 2 accepted" in list_lines(build_run_answer(found))


def test_a_run_says_first_what_its_import_lacks(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    for name in ("moon", "rose"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for side in (80, 96, 112):
            (tmp_path / "set" / name / f"{side}.jpg").write_bytes(photo(name, 1, side=side))
    with open_workspace(project) as workspace:
        imported = import_stage(workspace, tmp_path / "set")
    found = {**record_flow(project), "import": make_plain_record(imported)}
    for answer in (build_run_answer(found), build_import_answer(imported)):
        assert list_lines(answer)[0].startswith("v1 has no test images, so nothing can be measured")


LABELS = {"tiny", "champion", "not for champion", "report"}

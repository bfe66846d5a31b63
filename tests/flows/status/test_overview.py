"""What `status` counts, and that counting loads no table library where there is nothing to show."""

import subprocess
import sys
from pathlib import Path

from small_project import write_project

from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_annotations, load_current_decisions
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from flows.config.workspace import open_workspace
from flows.stages.stages import collect_stage
from flows.status.overview import summarise_workspace

TEACHER = "t" * 64
STATUS = """
import sys
from typer.testing import CliRunner
from flows.cli import app
assert CliRunner().invoke(app, ["status"]).exit_code == 0
print(sorted({"pandas", "pyarrow", "scipy", "duckdb"} & set(sys.modules)))
"""


def test_a_new_project_is_shown_without_a_table_library(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    command = [sys.executable, "-P", "-c", STATUS]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_latest_decision_and_answer_of_each_image_count(imported: Path) -> None:
    with open_workspace(imported) as workspace:
        registry = workspace.registry
        collect_stage(workspace)
        pool = sorted(registry.find_present_images() - registry.find_labelled_images())
        record_teacher(registry, TEACHER, {})
        for verdict, names in (("review", pool), ("accepted", pool[:5])):
            decisions = [
                Decision(
                    sha256=name,
                    teacher_id=TEACHER,
                    policy="threshold",
                    verdict=verdict,
                    class_name="moon",
                    confidence=0.9,
                    reason="why",
                    detail="words",
                )
                for name in names
            ]
            record_decisions(registry, decisions)
        for class_name in ("moon", "rose"):
            answer = Annotation(sha256=pool[-1], class_name=class_name, person="ann")
            record_annotations(registry, [answer])
        counted = summarise_workspace(workspace)
        decided = load_current_decisions(registry)
        assert counted.verdicts == {"accepted": 5, "review": len(pool) - 5}
        assert counted.verdicts == decided["verdict"].value_counts().to_dict()
        assert counted.annotations == len(load_current_annotations(registry)) == 1
        assert counted.pool == len(pool) - 1
        assert sum(counted.outcomes.values()) == len(pool) + 2  # a copy, and a page
        assert (counted.runs, counted.test_readings, counted.audit) == (0, 0, None)

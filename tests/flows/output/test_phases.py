"""Long work names what it is doing: bars on a terminal, plain lines elsewhere, and Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from small_project import ephyra, write_found, write_labelled_set, write_project

from flows.output.answer import Answer, answer
from flows.shared.progress_lines import PlainLines

PHASES = {
    "import": [
        "importing: 24 to do",
        "finding duplicates by hashes and names",
        "publishing a version",
    ],
    "collect": ["reading earlier attempts of folder", "collect from folder"],
    "label": [
        "loading PyTorch",
        "reading the teacher's weights",
        "features: ",
        "finding duplicates by hashes and names",
        "finding neighbours by features",
        "drawing groups",
        "reading what people labelled",
        "fitting the teacher on folds",
        "predicting: ",
        "learning what is none of the classes",
        "deciding",
        "looking for doubtful labels",
        "trying every threshold",
        "thumbnails: ",
    ],
    "merge": ["finding duplicates by hashes and names", "drawing groups", "publishing a version"],
    "train": [
        "loading PyTorch",
        "decoding: ",
        "training: 4 to do",
        "comparing models",
        "writing reports: 1 to do",
        "deciding about the champion",
        "calibrating the champion on folds",
    ],
    "describe": ["reading the version", "brightness: ", "counting, and finding near-duplicates"],
    "verify": ["checking versions: 2 to do", "searching duplicates across splits"],
    "predict": ["loading PyTorch", "reading the champion", "reading the weights of the gate"],
}


@pytest.mark.slow
def test_every_phase_is_a_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    given = {"import": [folder / "labelled"], "predict": [folder / "found"]}
    for command, phases in PHASES.items():
        said = ephyra(command, *given.get(command, []), "--project", folder)
        assert said.code == 0, said
        lines = said.err.splitlines()
        for phase in phases:
            assert any(line.startswith(phase) for line in lines), (command, phase, lines)
        assert not any("\x1b" in line for line in lines)


def test_an_audit_names_its_phases(tmp_path: Path) -> None:
    write_labelled_set(tmp_path / "set")
    said = ephyra("audit", tmp_path / "set", "--page", tmp_path / "page.html")
    assert said.code == 0
    assert "importing: 24 to do\nfinding duplicates by hashes and names\n" in said.err


def test_json_alone_is_silent_without_a_terminal(project: Path) -> None:
    said = ephyra("import", project / "labelled", "--project", project, "--json")
    assert said.json
    assert said.err == ""


def test_a_phase_is_not_told_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = PlainLines()
    for _ in range(5):
        lines.start("training", 10)
        lines.start("features", None)
        lines.advance()
        lines.finish()
        lines.finish()
    assert capsys.readouterr().err == "training: 10 to do\nfeatures\n"


def test_ctrl_c_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(_progress: object) -> Answer:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as caught:
        answer(False, stopped)
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err.startswith("stopped by Ctrl-C. Finished work is kept")
    with pytest.raises(typer.Exit):
        answer(True, stopped, kept="Nothing was written")
    found = json.loads(capsys.readouterr().out)
    assert found == {"error": "Stopped", "message": "by Ctrl-C. Nothing was written"}


def test_ctrl_c_in_a_real_process(tmp_path: Path) -> None:
    """Reading images is made to last for ever."""
    folder = write_labelled_set(tmp_path / "set")
    code = (
        # A shell that runs the tests in the background lets its children ignore Ctrl-C.
        "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import data_registry.ingest.importing as importing\nimport flows.cli\n"
        "def wait(*_, **__):\n    print('at work', flush=True)\n    time.sleep(600)\n"
        "importing.import_folder = wait\n"
        f"sys.argv = ['ephyra', 'audit', {str(folder)!r}, '--page', {str(tmp_path / 'p')!r}]\n"
        "flows.cli.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert "stopped by Ctrl-C. No page was written, and nothing in the folder was changed" in said
    assert "Traceback" not in said

"""The command line: help, JSON, exit codes, and what a person reads."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer
from small_project import (
    TINTS,
    digest_of,
    ephyra,
    photo,
    strange_photo,
    write_labelled_set,
    write_project,
)
from typer.main import get_command

from data_registry.errors import InputError
from flows.cli import app
from flows.config.template_names import list_template_names
from flows.output.answer import Answer, answer

COMMANDS = [command.name or "" for command in app.registered_commands]
SCRIPT = Path(sys.executable).with_name("ephyra")
HEAVY = {"torch", "pandas", "prefect", "sklearn", "timm", "numpy", "sqlalchemy", "matplotlib"}


def test_every_command_of_the_design_is_there() -> None:
    wanted = "init import collect label review merge train run status versions decisions verify"
    assert set(wanted.split()) | {"predict", "report", "demo"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_json_and_an_example(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = ephyra(command, "--help")
    assert said.code == 0
    assert "--json" in said.out
    assert f"Example: ephyra {command}" in said.out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom flows.cli import app\n"
        "result = CliRunner().invoke(app, ['--help'])\nassert result.exit_code == 0\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))"
    )
    assert _python(code) == "[]\n"


def test_looking_and_merging_load_no_torch() -> None:
    code = (
        "import sys\nimport flows.output.state_view, flows.stages.reviewing\n"
        "import flows.stages.stages, flows.reports.paths\n"
        "print(sorted(set(sys.modules) & {'torch', 'timm', 'prefect', 'sklearn', 'matplotlib'}))"
    )
    assert _python(code) == "[]\n"


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def test_the_script_answers_and_refuses(tmp_path: Path) -> None:
    assert _script("init", "bay", folder=tmp_path).returncode == 0
    done = _script("init", "bay", "--json", folder=tmp_path)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["error"] == "InputError"
    assert "already has an ephyra.toml" in told["message"]
    assert done.stderr == f"error {told['message']}\n"
    done = _script("versions", "--json", folder=tmp_path / "bay")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"versions": []}, "")


def _script(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [SCRIPT, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )


BEFORE_ANYTHING = {
    "collect": ("there is no ephyra.toml",),
    "forget": ("there is no ephyra.toml", "--url", "x"),
    "label": ("there is no ephyra.toml",),
    "review": ("there is no ephyra.toml",),
    "merge": ("there is no ephyra.toml",),
    "train": ("there is no ephyra.toml",),
    "run": ("there is no ephyra.toml",),
    "retrain": ("there is no ephyra.toml",),
    "rollback": ("there is no ephyra.toml",),
    "promote": ("there is no ephyra.toml", "a-run"),
    "deploy": ("there is no ephyra.toml",),
    "up": ("there is no ephyra.toml",),
    "status": ("there is no ephyra.toml",),
    "check": ("there is no ephyra.toml",),
    "versions": ("there is no ephyra.toml",),
    "decisions": ("there is no ephyra.toml",),
    "verify": ("there is no ephyra.toml",),
    "report": ("there is no ephyra.toml",),
    "import": ("there is no ephyra.toml", "photos"),
    "diff": ("there is no ephyra.toml", "v1", "v2"),
    "why": ("there is no ephyra.toml", "abcd"),
    "export": ("there is no ephyra.toml", "v1", "out"),
    "gc": ("there is no ephyra.toml",),
    "describe": ("there is no ephyra.toml",),
    "forecast": ("there is no ephyra.toml",),
    "predict": ("there is no ephyra.toml", "photo.jpg"),
    "serve": ("there is no ephyra.toml",),
    "groups": ("there is no ephyra.toml",),
    "sweep": ("there is no ephyra.toml",),
    "distil": ("there is no ephyra.toml", "cnn"),
    "export-model": ("there is no ephyra.toml", "champion", "out"),
    "init": ("there is no template", "new", "--template", "x"),
    "demo": ("is not empty", "--keep", "full"),
    "audit": ("no labelled images", "full"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_is_one_json_object_and_exit_code_2(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words, *arguments = BEFORE_ANYTHING[command]
    said = ephyra(command, *arguments, "--json")
    assert said.code == 2
    assert words in said.json["message"]
    assert words in said.err.replace("\n", "")
    assert "Traceback" not in said.err


# What to give in an imported project that holds nothing else, and what the answer tells.
AFTER_IMPORT = {
    "review": ([], 0, "0 images wait"),
    "review --audit 5": (["--audit", "5"], 2, "nothing is accepted"),
    "merge": ([], 0, "v1"),
    "status": ([], 0, "24 labelled"),
    "versions": ([], 0, "v1"),
    "versions of nobody": (["v9"], 2, ""),
    "decisions": ([], 0, "nothing was collected yet"),
    "verify": ([], 0, "every rule holds"),
    "diff v1 v1": (["v1", "v1"], 0, "none"),
    "why zebra": (["zebra"], 2, "names no image"),
    "export v9": (["v9", "out"], 2, "there is no version v9"),
    "gc": ([], 0, "0 images and 0 files went"),
    "describe": ([], 0, "page: "),
    "describe v9": (["v9"], 2, "there is no version v9"),
    "verify v9": (["v9"], 2, "there is no version v9"),
    "report": ([], 2, "there is no report"),
    "predict": (["labelled"], 2, "no champion yet"),
    "serve": ([], 2, "no champion yet"),
    "rollback": ([], 2, "no earlier champion"),
    "promote a-run": (["a-run"], 2, "0 runs begin"),
}


@pytest.mark.parametrize("case", AFTER_IMPORT)
def test_answers_after_an_import(
    case: str, imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(imported)
    arguments, code, words = AFTER_IMPORT[case]
    command = case.split(maxsplit=1)[0]
    said = ephyra(command, *arguments)
    assert said.code == code
    assert words in (said.out if code == 0 else said.err)
    as_json = ephyra(command, *arguments, "--json")
    assert as_json.code == code
    if words:
        assert as_json.json


def test_a_broken_rule_is_exit_code_1(imported: Path) -> None:
    blob = next(path for path in (imported / "blobs").rglob("*") if path.is_file())
    blob.write_bytes(b"other bytes")
    said = ephyra("verify", "--blobs", "--project", imported)
    assert said.code == 1
    assert blob.name[:12] in said.out
    as_json = ephyra("verify", "--blobs", "--project", imported, "--json")
    assert as_json.code == 1
    assert not as_json.json["holds"]
    assert "error" not in as_json.json


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert ephyra("collect", "--no-such-option").code == 2
    assert ephyra("label", "--threshold", "95").code == 2
    assert ephyra("no-such-command").code == 2


WRONG_USAGE = {
    "no such command": (["no-such-command"], "No such command"),
    "no such option": (["collect", "--no-such-option"], "No such option"),
    "a missing argument": (["distil"], "Missing argument"),
    "a number out of range": (["label", "--threshold", "95"], "expected at most 1"),
    "no number": (["label", "--threshold", "high"], "expected a number"),
    "a word that is no choice": (["export", "v1", "x", "--to", "xml"], "imagefolder"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_usage_is_told_as_json_and_in_plain_words(case: str) -> None:
    arguments, words = WRONG_USAGE[case]
    said = ephyra(*arguments, "--json")
    assert said.code == 2
    assert said.json["error"] == "UsageError"
    assert words in said.json["message"]
    assert "Input should" not in said.out + said.err
    plain = ephyra(*arguments)
    assert (plain.code, plain.out) == (2, "")


@pytest.mark.parametrize("command", ["sweep", "distil", "groups", "export-model", "audit"])
def test_help_shows_brackets_as_they_are_written(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    said = " ".join(ephyra(command, "--help").out.split())
    written = [found.callback.__doc__.splitlines()[0]]
    for parameter in typing.get_type_hints(found.callback, include_extras=True).values():
        written += [item.help for item in getattr(parameter, "__metadata__", ()) if item.help]
    for text in written:
        assert text in re.sub(r"\s*\u2502\s*", " ", said), text


def test_the_version_is_told() -> None:
    assert ephyra("--version").out == f"ephyra {importlib.metadata.version('ephyra')}\n"


def test_a_shell_completes_commands_and_templates(tmp_path: Path) -> None:
    environment = {**os.environ, "_EPHYRA_COMPLETE": "complete_bash"}

    def completed(words: str) -> list[str]:
        asked = {**environment, "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [SCRIPT], check=False, capture_output=True, text=True, cwd=tmp_path, env=asked
        )
        return done.stdout.split()

    assert completed("ephyra pred") == ["predict"]
    assert completed("ephyra init bay --template ") == list_template_names()


def test_help_of_init_lists_the_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = ephyra("init", "--help").out
    assert all(name in said for name in list_template_names())


def test_no_message_shows_an_error_number(project: Path) -> None:
    (project / "is-a-folder").mkdir()
    for file in ("nowhere.csv", "is-a-folder"):
        said = ephyra("review", "--answer", project / file, "--project", project)
        assert said.code == 2
        assert file in said.err
        assert "Errno" not in said.err
    (project / "ephyra.toml").unlink()
    (project / "ephyra.toml").mkdir()
    assert "Errno" not in ephyra("status", "--project", project).err


def test_names_with_brackets_are_shown_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "[red] bay :smile:"
    monkeypatch.setenv("COLUMNS", "200")
    write_project(folder, '[project]\nname = "[bold]bay[/bold] [/x]"\n')
    for name in TINTS:
        (folder / "set" / f"[{name}]").mkdir(parents=True)
        for seed in range(6):
            file = folder / "set" / f"[{name}]" / f"[b]{seed}.jpg"
            file.write_bytes(photo(name, seed))
    (folder / "set" / "[moon]" / "[b]bad.jpg").write_bytes(b"no image")
    said = ephyra("import", folder / "set", "--project", folder)
    assert said.code == 0
    assert "left out [moon]/[b]bad.jpg" in said.out
    assert "[bold]bay[/bold] [/x]" in ephyra("status", "--project", folder).out
    assert "[red] bay :smile:" in ephyra("import", folder / "[/x]", "--project", folder).err


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": Path("x")}}
    answer(True, lambda _progress: Answer(values))
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told == {"a": None, "b": [1.5, None], "c": {"d": "x"}}


def test_what_is_no_user_error_is_raised(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(_progress: object) -> Answer:
        raise InputError("mend [it]")

    def broken(_progress: object) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(typer.Exit) as caught:
        answer(False, refused)
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "error mend [it]\n"
    with pytest.raises(ZeroDivisionError):
        answer(False, broken)


def test_import_twice_says_so_and_changes_nothing(project: Path) -> None:
    assert "24 new" in ephyra("import", project / "labelled", "--project", project).out
    before = digest_of(project)
    assert "0 new" in ephyra("import", project / "labelled", "--project", project).out
    assert digest_of(project) == before


def test_many_unreadable_files_are_counted(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    write_labelled_set(folder / "set", per_class=6)
    for number in range(30):
        (folder / "set" / "moon" / f"bad{number}.jpg").write_bytes(strange_photo()[:60])
    said = ephyra("import", folder / "set", "--project", folder)
    assert "30 files left out" in said.out
    assert said.out.count("\nleft out moon/bad") == 10
    assert "… and 20 more" in said.out
    as_json = ephyra("import", folder / "set", "--project", folder, "--json").json
    assert len(as_json["images"]["unreadable"]) == 30


def test_collecting_shows_every_outcome(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    said = ephyra("collect", "--project", project)
    assert said.code == 0
    shown = {line.split()[1]: line.split()[2] for line in said.out.splitlines()[1:-1]}
    assert shown == {"known": "1", "not_an_image": "1", "stored": "8"}
    again = ephyra("collect", "--project", project, "--json").json
    assert [item["skipped"] for item in again["providers"]] == [10]

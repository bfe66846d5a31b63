"""`ephyra check`: what would stop a stage is told before it starts, with its line."""

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torchvision
from small_project import ephyra, told, write_project

from flows.config.model_catalogue import explain_unknown_model
from flows.config.model_settings import share_teacher_weights
from flows.config.sections.label_section import LabelSection
from flows.config.sections.model_section import TrainModelSection
from train.models.cnn_presets import PRESETS
from train.models.model_names import ALIASES

NAME = '[project]\nname = "x"\n'
CLASS = '[[classes]]\nname = "moon"\nqueries = ["moon"]\n'
FOLDER = "[[collect.providers]]\nkind = 'folder'\npath = '{}'\n"
# (text, line, what is said)
PROBLEMS = {
    "unknown provider": (
        "[[collect.providers]]\nkind = 'openvrse'\n",
        7,
        "did you mean openverse?",
    ),
    "unknown option": (
        "[[collect.providers]]\nkind = 'folder'\npth = 'x'\n",
        7,
        "it has no pth; did you mean path?; path is missing. It takes: path, table, name",
    ),
    "a folder that is not there": (
        "[[collect.providers]]\nkind = 'folder'\npath = 'nowhere'\n",
        8,
        "nowhere is not there",
    ),
    "a table that is not there": (
        "[[collect.providers]]\nkind = 'folder'\npath = '.'\ntable = 'rows.csv'\n",
        9,
        "rows.csv is not there",
    ),
    "unknown backbone": ("[label]\nbackbone = 'resnet5O'\n", 7, "did you mean resnet50?"),
    "unknown tag": ("[label]\nbackbone = 'resnet50.a1_in2k'\n", 7, "no weights called a1_in2k"),
    "unknown preset": ("[[train.models]]\nname = 'cnn/fruits'\n", 7, "did you mean cnn/fruit?"),
    "unknown model of torchvision": (
        "[[train.models]]\nname = 'torchvision/resnet_18'\n",
        7,
        "did you mean torchvision/resnet18?",
    ),
    "weights that are not there": ("[label]\nweights = 'w.pth'\n", 7, "there is no weights file"),
    "weights that are none": (
        "[[train.models]]\nname = 'cnn'\nweights = 'ephyra.toml'\n",
        8,
        "is not a weights file",
    ),
    "weights with a name that is too long": (
        f"[label]\nweights = '{300 * 'a'}.pth'\n",
        7,
        "File name too long",
    ),
    "a file for a folder": (FOLDER.format("ephyra.toml"), 8, "ephyra.toml is not a folder"),
    "an empty folder": (FOLDER.format("empty"), 8, "empty has no file to collect; expected images"),
    "a folder with a name that is too long": (FOLDER.format(300 * "a"), 8, "is not there"),
    "a table of missing files": (
        FOLDER.format(".") + "table = 'lost.csv'\n",
        9,
        "lists files that are not in",
    ),
    "a folder for an archive": (
        "[[collect.providers]]\nkind = 'archive'\npath = 'empty'\n",
        8,
        "empty cannot be read: Is a directory; expected the path of an archive",
    ),
    "a text for an archive": (
        "[[collect.providers]]\nkind = 'archive'\npath = 'ephyra.toml'\n",
        8,
        "cannot be read as an archive",
    ),
    "an archive's address that is none": (
        "[[collect.providers]]\nkind = 'archive'\npath = 'a.zip'\nurl = 'nonsense'\n",
        9,
        "url = 'nonsense': the URL's scheme is ''; expected http or https",
    ),
    "a gallery's address that is none": (
        "[[collect.providers]]\nkind = 'gallery'\nbase = 'https://'\n",
        8,
        "the URL names no host",
    ),
    "a folder for a list": (
        "[[collect.providers]]\nkind = 'urls'\npath = 'empty'\n",
        8,
        "cannot be read: Is a directory",
    ),
    "a list without an address": (
        "[[collect.providers]]\nkind = 'urls'\npath = 'blank.txt'\n",
        8,
        "lists no URL",
    ),
    "a record that is none": (
        "[[collect.providers]]\nkind = 'zenodo'\nrecord = 'abc'\npath = 'kept'\n",
        8,
        "record = 'abc'; expected a number",
    ),
    "a database without its driver": (
        "[storage]\ndatabase = 'postgresql+nothing://a/b'\n",
        7,
        "no database can be opened",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    text, line, words = PROBLEMS[case]
    folder = write_project(tmp_path, NAME + CLASS + text)
    (folder / "empty").mkdir()
    (folder / "blank.txt").write_text("# no address\n")
    (folder / "lost.csv").write_text("file\nlost.jpg\n")
    said = ephyra("check", "--project", folder, "--json")
    assert said.code == 1
    (problem,) = said.json["problems"]
    assert problem["line"] == line
    assert words in problem["message"]
    shown = ephyra("check", "--project", folder)
    assert shown.code == 1
    assert f"ephyra.toml line {line}: " in shown.out
    if "[storage]" in text:  # nothing can be opened
        return
    assert "1 problem (`ephyra check`)" in ephyra("status", "--project", folder).out.replace(
        "\n", ""
    )


def test_a_search_for_nothing_is_a_problem(tmp_path: Path) -> None:
    folder = write_project(tmp_path, NAME + "[[collect.providers]]\nkind = 'openverse'\n")
    (problem,) = ephyra("check", "--project", folder, "--json").json["problems"]
    assert "nothing to search for" in problem["message"]


def test_an_archive_by_address_need_not_be_there_yet(tmp_path: Path) -> None:
    text = "[[collect.providers]]\nkind = 'archive'\npath = 'a.zip'\nurl = 'https://a.org/a.zip'\n"
    assert told(write_project(tmp_path, NAME + CLASS + text), "check")["fine"]


def test_what_is_allowed_and_not_meant_is_a_note(tmp_path: Path) -> None:
    text = (
        "[collect]\nallow_unknown = false\n[[collect.providers]]\nkind = 'bing'\n"
        "heed_robots_txt = false\n"
    )
    found = told(write_project(tmp_path, NAME + CLASS + text), "check")
    notes = [hint["message"] for hint in found["hints"]]
    assert any("bing states no licence" in note for note in notes)
    assert any("no [[train.models]] table yet" in note for note in notes)


def test_checking_loads_no_torch(tmp_path: Path) -> None:
    write_project(tmp_path, NAME)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from flows.config.project_check import check_project\n"
        f"check_project(Path({str(tmp_path)!r}))\n"
        "print(sorted(set(sys.modules) & {'torch', 'timm', 'pandas', 'sklearn', 'prefect'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_no_model_that_can_be_built_is_refused() -> None:
    named = [*timm.list_models(), *timm.list_models(pretrained=True), *ALIASES, *PRESETS]
    offered = torchvision.models.list_models(module=torchvision.models)
    named += [f"torchvision/{name}" for name in offered]
    named += ["convmixer", "ViTB16.augreg_in21k", "vit_b_16"]
    assert [name for name in named if explain_unknown_model(name)] == []


def test_weights_are_named_once_for_teacher_and_model() -> None:
    label = LabelSection(backbone="resnet18", weights="w.pth", mean=(0.5, 0.5, 0.5))
    same = share_teacher_weights(label, TrainModelSection(name="resnet18"))
    assert (same.weights, same.mean) == ("w.pth", (0.5, 0.5, 0.5))
    for other in (
        TrainModelSection(name="resnet50"),
        TrainModelSection(name="resnet18", weights="pretrained"),
    ):
        assert share_teacher_weights(label, other) == other
    by_hub = LabelSection(backbone="resnet18", weights="random")
    assert share_teacher_weights(by_hub, TrainModelSection(name="resnet18")).weights == ""

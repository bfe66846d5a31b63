"""The face for notebooks: the steps in their order, and what a notebook shows of each."""

from pathlib import Path

import pytest
from small_project import (
    ephyra,
    photo,
    told,
    write_found,
    write_labelled_set,
    write_project,
)

from data_registry.errors import AnswerFileError, InputError, ProjectFileError
from flows.notebook.cell_bars import CellBars, draw_bar
from flows.notebook.project_session import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "bay")
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    return folder


def test_the_steps_in_their_order(folder: Path) -> None:
    with Workspace(folder) as bay:
        assert bay.import_folder(folder / "labelled").value.images.new == 24
        assert sum(item.outcomes["stored"] for item in bay.collect().value) == 8
        labelled = bay.label()
        assert sum(labelled.value.verdicts.values()) == 8
        waiting = bay.queue()["sha256"]
        if len(waiting):
            taken = bay.answer({waiting.iloc[0]: "moon"}).value.taken
            assert taken is not None
            assert taken.new == 1
        assert bay.merge().value.tag == "v2"
        trained = bay.train()
        assert trained.value.version == "v2"
        assert bay.verify(blobs=True)
        found = bay.predict(folder / "labelled" / "moon" / "0.jpg")
        assert len(found.value) == 1
        assert repr(bay) == "<Workspace 'A [small] bay': 32 images>"


def test_a_step_answers_as_its_command(folder: Path) -> None:
    first = told(folder, "import", folder / "labelled")
    with Workspace(folder) as bay:
        assert bay.merge().data == told(folder, "merge")
        assert bay.verify(blobs=True).data == told(folder, "verify", "--blobs")
        again = bay.import_folder(folder / "labelled").data
    assert again == {**told(folder, "import", folder / "labelled")}
    assert again["version"] == first["version"]


def test_a_step_refuses_what_its_command_refuses(folder: Path) -> None:
    photo_file = folder / "labelled" / "moon" / "0.jpg"
    with Workspace(folder) as bay, pytest.raises(InputError) as refusal:
        bay.predict(photo_file)
    assert str(refusal.value) in ephyra("predict", photo_file, "--project", folder).err


def test_a_result_is_shown_as_text_html_and_data(folder: Path) -> None:
    with Workspace(folder) as bay:
        found = bay.import_folder(folder / "labelled")
    assert repr(found).startswith("<Imported: imported 24 images of 2 classes")
    assert str(found).splitlines()[0] == "imported 24 images of 2 classes, 24 new"
    assert "imported 24 images" in found._repr_html_()
    assert found._repr_html_().startswith("<pre")
    assert found.data["images"]["new"] == 24
    assert found


def test_names_with_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("<b>moon</b>", "[red]rose"):
        (folder / name).mkdir(parents=True)
        for seed in range(3):
            tint = "moon" if "moon" in name else "rose"
            (folder / name / f"{seed}.jpg").write_bytes(photo(tint, seed))
    with Workspace.create(tmp_path / "bay") as bay:
        bay.import_folder(folder)
        page = bay._repr_html_()
    assert "<b>" not in page


def test_create_writes_a_project_once(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "bay", {"moon": ["moon jelly"]}, goal={"accuracy": 0.9}):
        text = (tmp_path / "bay" / "ephyra.toml").read_text()
    assert 'name = "moon"' in text
    assert "accuracy = 0.9" in text
    with Workspace.create(tmp_path / "bay", {"rose": []}):
        assert (tmp_path / "bay" / "ephyra.toml").read_text() == text


def test_create_refuses_an_unknown_key_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match="acuracy"):
        Workspace.create(tmp_path / "bay", goal={"acuracy": 0.9})
    assert not (tmp_path / "bay" / "ephyra.toml").exists()


def test_an_unknown_answer_records_nothing(folder: Path) -> None:
    with Workspace(folder) as bay:
        bay.import_folder(folder / "labelled")
        with pytest.raises(AnswerFileError):
            bay.answer({"0" * 64: "moon"})


def test_a_bar_escapes_what_it_names() -> None:
    assert draw_bar("<b>", 10, 3) == '&lt;b&gt; <progress max="10" value="3"></progress> 3 of 10'
    assert draw_bar("reading", None, 0) == "reading <progress></progress> "


def test_bars_end_with_the_work_where_nothing_displays() -> None:
    with CellBars() as bars:
        bars.start("outer", None)
        bars.start("inner", 3)
        bars.advance(2)
    assert bars._phases == []

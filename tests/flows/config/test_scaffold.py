"""`init`: what it writes is complete, explained, and reads back as it was meant."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_registry.errors import InputError, StorageError
from flows.config.loader import FILE_NAME, load_project, parse_project
from flows.config.project_schema import Project
from flows.config.scaffold import PREFECT_FILE, render, render_short, write_files, write_project
from flows.config.sections.class_section import ClassSection
from flows.config.sections.collect_section import ProviderSection
from flows.config.sections.model_section import TrainModelSection
from flows.config.sections.section import Section
from flows.config.template_names import list_template_names


def sections(model: type[Section]) -> Iterator[type[Section]]:
    yield model
    for info in model.model_fields.values():
        for inner in (info.annotation, *get_args(info.annotation)):
            if isinstance(inner, type) and issubclass(inner, Section):
                yield from sections(inner)


FULL = Project.model_validate(
    {
        "project": {"name": 'A "quoted" bay [1] # not a comment \\ é'},
        "classes": [{"name": "moon jelly", "queries": ["a", 'b "c"'], "group": "jelly"}],
        "collect": {"providers": [{"kind": "gallery", "base": "http://127.0.0.1", "pages": 3}]},
        "label": {"mean": [0.5, 0.5, 0.5], "input_size": 64, "model_args": {"pad_type": "same"}},
        "train": {"models": [{"name": "cnn", "model_args": {"widths": [1, 2]}}]},
    }
)


@pytest.mark.parametrize("every_key", [True, False])
def test_what_is_written_reads_back_as_the_same(tmp_path: Path, every_key: bool) -> None:
    write_files(tmp_path, FULL, every_key=every_key)
    assert load_project(tmp_path) == FULL


@pytest.mark.parametrize("every_key", [True, False])
def test_the_least_project_reads_back_as_the_defaults(tmp_path: Path, every_key: bool) -> None:
    least = Project.model_validate({"project": {"name": "x"}})
    write_files(tmp_path, least, every_key=every_key)
    assert load_project(tmp_path) == least


@pytest.mark.parametrize("template", list_template_names())
def test_a_short_file_means_what_the_whole_one_does(tmp_path: Path, template: str) -> None:
    short, whole = tmp_path / "short" / "bay", tmp_path / "whole" / "bay"
    write_project(short, template)
    write_project(whole, template, every_key=True)
    assert load_project(short) == load_project(whole)


def test_a_new_project_s_file_fits_a_screen(tmp_path: Path) -> None:
    write_project(tmp_path / "bay")
    lines = (tmp_path / "bay" / "ephyra.toml").read_text().splitlines()
    assert len(lines) <= 35
    shown = "\n".join(lines)
    for key in ("name", "accuracy", "# [[classes]]", "queries", "[[collect.providers]]", "weights"):
        assert key in shown
    assert shown.count("weights = ") == 1


@pytest.mark.parametrize("template", list_template_names())
def test_every_template_makes_a_project_of_the_folders_name(tmp_path: Path, template: str) -> None:
    written = write_project(tmp_path / "bay", template)
    assert [file.name for file in written] == ["ephyra.toml", "prefect.toml"]
    assert load_project(tmp_path / "bay").project.name == "bay"
    assert tomllib.loads(written[1].read_text())["plugins"] == {"enabled": True}


def test_every_key_is_explained_and_shown() -> None:
    text = render(Project.model_validate({"project": {"name": "x"}}))
    shown = text.splitlines()
    for section in set(sections(Project)) - {Project}:
        for key, info in section.model_fields.items():
            holds_tables = any(
                isinstance(inner, type) and issubclass(inner, Section)
                for inner in (info.annotation, *get_args(info.annotation))
            )
            if holds_tables:
                continue
            assert info.description, f"{section.__name__}.{key} has no description"
            line = f"# {info.description}"
            assert any(row.lstrip("# ").startswith(f"{key} =") and line in row for row in shown)


def test_examples_behind_a_hash_are_valid(tmp_path: Path) -> None:
    text = render(Project.model_validate({"project": {"name": "x"}}))
    opened = re.sub(r"^# (?=\[\[|\w+ = [^ #])", "", text, flags=re.MULTILINE)
    (tmp_path / "ephyra.toml").write_text(opened)
    project = load_project(tmp_path)
    assert [type(item) for item in project.classes] == [ClassSection]
    assert [type(item) for item in project.collect.providers] == [ProviderSection]
    assert [type(item) for item in project.train.models] == [TrainModelSection]


def test_a_project_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ephyra.toml").write_text("mine")
    with pytest.raises(InputError, match=r"already has an ephyra\.toml"):
        write_project(tmp_path)
    assert (tmp_path / "ephyra.toml").read_text() == "mine"
    assert not (tmp_path / "prefect.toml").exists()


def test_prefects_settings_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "prefect.toml").write_text("mine")
    assert write_project(tmp_path) == [tmp_path / "ephyra.toml"]
    assert (tmp_path / "prefect.toml").read_text() == "mine"


def test_examples_of_a_short_file_are_valid(tmp_path: Path) -> None:
    text = render_short(Project.model_validate({"project": {"name": "x"}}))
    opened = re.sub(r"^# (?=\[\[|\w+ = [^ #])", "", text, flags=re.MULTILINE)
    (tmp_path / "ephyra.toml").write_text(opened)
    project = load_project(tmp_path)
    assert [len(project.classes), len(project.collect.providers), len(project.train.models)] == [
        1, 1, 1,
    ]  # fmt: skip


def test_an_unknown_template_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no template 'x'; expected one of .*plain"):
        write_project(tmp_path, "x")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "bay").write_text("")
    with pytest.raises(StorageError, match="cannot write to"):
        write_project(tmp_path / "bay")


def test_a_full_disk_leaves_no_project_file(small_disk: Path, tmp_path: Path) -> None:
    space = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(b"x" * (space.f_bavail * space.f_frsize))
    (small_disk / "bay").mkdir()
    with pytest.raises(StorageError, match="No space left"):
        write_project(small_disk / "bay")
    assert list((small_disk / "bay").iterdir()) == []
    (small_disk / "filler").unlink()
    assert [path.name for path in write_project(small_disk / "bay")] == [FILE_NAME, PREFECT_FILE]


TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(options=st.dictionaries(TEXTS.filter(lambda key: key != "kind"), VALUES, max_size=4))
@example(options={"x y": 1, "": {"ä.b": [{"c": "\x7f\u2028\"'\\"}]}})
def test_any_value_is_written_as_toml(options: dict[str, object]) -> None:
    project = Project.model_validate(
        {"project": {"name": "x"}, "collect": {"providers": [{"kind": "installed", **options}]}}
    )
    for text in (render(project), render_short(project)):
        read = parse_project(text, Path("ephyra.toml"))
        assert read.collect.providers[0].options == options

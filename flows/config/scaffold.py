"""Start a project: write a commented ephyra.toml from the models that read it.

Every key is explained by its own field's description, so that file and code cannot disagree.
"""

import tomllib
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tomlkit.items import Item

from data_registry.errors import InputError, StorageError
from data_registry.text.file_names import escape_file_name
from flows.config.loader import FILE_NAME
from flows.config.project_schema import Project
from flows.config.sections.section import Section
from flows.config.template_names import TEMPLATES, USUAL, list_template_names

PREFECT_FILE = "prefect.toml"
DEFAULT_API = "http://127.0.0.1:4200/api"
PREFECT_SETTINGS = f"""\
# Read by Prefect when it is started in this folder.
[plugins]
enabled = true  # Ephyra's own: `prefect deployment run collect-and-label` needs no slash

[api]
url = "{DEFAULT_API}"  # `ephyra up` starts a server here where none answers

[server]
analytics_enabled = false
"""
_HEADER = """\
# Ephyra's project file. Relative paths start in this folder; `ephyra check` looks it over.
"""
_SHORT = "# The keys that most projects set. `ephyra init --all` writes every key, explained.\n"
_WHOLE = "# Every key is shown with its value; what stands behind a # in front of it is optional.\n"
# What a short file shows beside the keys that its template sets, by table.
_MOST_SET = {
    "project": ("name", "contact"),
    "goal": ("accuracy",),
    "classes": ("name", "queries"),
    "collect": ("licences", "allow_unknown"),
    "collect.providers": ("kind",),
    "label": ("backbone", "weights"),
    "train.models": ("name",),
}
_TOLD = {  # what a short file says above a table
    "classes": "A table for each class.",
    "collect.providers": "A table for each place to look in.",
    "label": "The teacher. Its weights serve each model of the same name too.",
    "train.models": "A table for each model to train.",
}


def write_project(folder: Path, template: str = USUAL, *, every_key: bool = False) -> list[Path]:
    """Write the project file and Prefect's settings into a folder.

    Args:
        folder: made if missing.
        template: one of `template_names`.
        every_key: also those that hardly anybody changes.

    Returns:
        The files written. A prefect.toml that is there already is left as it is.

    Raises:
        InputError: the template is unknown, or the folder has a project file already.
        StorageError: the folder cannot be written.
    """
    name = escape_file_name(folder.resolve().name) or "project"
    project = load_template(template, name)
    return write_files(folder, project, every_key=every_key)


def load_template(template: str, name: str) -> Project:
    """Load a template's project, and give it a name.

    Raises:
        InputError: the template is unknown.
    """
    if template not in list_template_names():
        raise InputError(
            f"there is no template {template!r}; expected one of {', '.join(list_template_names())}"
        )
    text = (TEMPLATES / f"{template}.toml").read_text(encoding="utf-8")
    return Project.model_validate({**tomllib.loads(text), "project": {"name": name}})


def write_files(folder: Path, project: Project, *, every_key: bool = False) -> list[Path]:
    """Write a project's files; see `write_project`."""
    if (folder / FILE_NAME).exists():
        raise InputError(
            f"{folder} already has an {FILE_NAME}: edit it, or begin in another folder; nothing "
            "was changed"
        )
    text = render(project) if every_key else render_short(project)
    texts = {folder / FILE_NAME: text, folder / PREFECT_FILE: PREFECT_SETTINGS}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in texts if not file.exists()]
        for file in missing:
            _write_whole(file, texts[file])
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}") from error
    return missing


def _write_whole(file: Path, text: str) -> None:
    """Write a file under a temporary name and rename it: a full disk leaves none that is empty."""
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def render(project: Project) -> str:
    """Render the project as TOML, each key with its explanation."""
    return _HEADER + _WHOLE + "\n".join(_render_tables("", project)) + "\n"


def render_short(project: Project) -> str:
    """Render the project as TOML: the keys that it sets, and those that most projects set."""
    return _HEADER + _SHORT + "\n".join(_render_short_tables("", project)) + "\n"


def _render_short_tables(name: str, section: BaseModel) -> Iterator[str]:
    keys = section.model_fields_set | {*_MOST_SET.get(name, ())}
    lines = [*_render_keys(section, keys)]
    if name and lines:
        yield from ("", *_render_heading(name), f"[{name}]", *lines)
    for key, info in type(section).model_fields.items():
        if info.description is not None:
            continue
        path, value = f"{name}.{key}".lstrip("."), getattr(section, key)
        if isinstance(value, Section):
            yield from _render_short_tables(path, value)
        else:
            yield from _render_short_repeated(path, value, info)


def _render_short_repeated(
    path: str, sections: Sequence[Section], info: FieldInfo
) -> Iterator[str]:
    keys = _MOST_SET.get(path, ())
    if sections or keys:
        yield from ("", *_render_heading(path))
    for number, section in enumerate(sections):
        yield from ("",) if number else ()
        yield f"[[{path}]]"
        yield from _render_keys(section, section.model_fields_set | {*keys})
    if keys and not sections:
        yield f"# [[{path}]]"
        yield from (
            f"# {line}" for each in info.examples or () for line in _render_keys(each, {*keys})
        )


def _render_heading(path: str) -> Iterator[str]:
    if heading := _TOLD.get(path):
        yield f"# {heading}"


def _render_tables(name: str, section: BaseModel) -> Iterator[str]:
    own = type(section).model_fields
    tables = {key: info for key, info in own.items() if info.description is None}
    if name:
        yield f"\n[{name}]"
        yield from _render_keys(section)
    for key, info in tables.items():
        path = f"{name}.{key}".lstrip(".")
        value = getattr(section, key)
        if isinstance(value, Section):
            yield from _render_tables(path, value)
        else:
            yield from _render_repeated(path, value, info)


def _render_repeated(path: str, sections: Sequence[Section], info: FieldInfo) -> Iterator[str]:
    """Render tables of which there may be several; a commented example where there is none."""
    for section in sections:
        yield f"\n[[{path}]]"
        yield from _render_keys(section)
    if not sections:
        yield f"\n# [[{path}]]"
        yield from (
            f"# {line}" for example in info.examples or () for line in _render_keys(example)
        )


def _render_keys(section: BaseModel, wanted: Collection[str] | None = None) -> Iterator[str]:
    """Render a table's lines: every key, or the wanted ones."""
    for key, info in type(section).model_fields.items():
        if info.description is None or (wanted is not None and key not in wanted):
            continue
        value = getattr(section, key)
        shown = _render_key(key, value) if value is not None else f"# {key} ="
        yield f"{shown:<40} # {info.description}"
    for key, value in (section.model_extra or {}).items():
        yield _render_key(key, value)


def _render_key(key: str, value: object) -> str:
    return f"{tomlkit.key(key).as_string()} = {_build_item(value).as_string()}"


def _build_item(value: object) -> Item:
    """Build a TOML value that stands in one line: tables and lists of tables are inline."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, _build_item(inner))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for inner in value:
            array.append(_build_item(inner))
        return array
    return tomlkit.item(value)

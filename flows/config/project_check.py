"""Check a project before it runs: everything that needs neither network nor torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectors.candidate import LocalSource, Provider, SearchProvider
from data_registry.errors import EphyraError, StorageError, describe_reason
from data_registry.storage.database_urls import create_engine, parse_database_url
from flows.config.collection_settings import build_configured_provider
from flows.config.loader import FILE_NAME, load_project, read_project_text
from flows.config.model_catalogue import explain_unknown_model
from flows.config.project_folder import ProjectFolder
from flows.config.project_schema import Project
from flows.config.sections.collect_section import ProviderSection
from flows.config.sections.label_section import LabelSection
from flows.config.sections.model_section import ModelSection
from flows.config.validation.toml_lines import Place, find_line
from train.choices import PRETRAINED, RANDOM
from train.weights_files import require_weights_file

_PATHS = ("path", "table")
_STATE_NO_LICENCE = frozenset({"bing", "google", "baidu", "gallery"})


@dataclass(frozen=True)
class Finding:
    """One thing that a stage would stumble over.

    Attributes:
        line: of the project file, counted from 1.
        key: the way to the value: ``collect.providers.path``.
        message: what was found, what was expected, what to do.
    """

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{FILE_NAME} line {self.line}: {self.key}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Check:
    """What looking over found.

    Attributes:
        project: its name.
        problems: what stops a stage.
        hints: what is allowed, and likely not meant.
        providers, models: how many were looked at.
    """

    project: str
    problems: tuple[Finding, ...]
    hints: tuple[Finding, ...]
    providers: int
    models: int


_Found = tuple[Place, str]


def check_project(folder: Path) -> Check:
    """Check a project.

    Raises:
        ProjectFileError: the file itself is wrong.
    """
    return check_loaded(ProjectFolder(folder, load_project(folder)))


def check_loaded(workspace: ProjectFolder) -> Check:
    """Check a project whose file was read already."""
    text = read_project_text(workspace.folder)
    project = workspace.project
    problems = [*_check_storage(project), *_check_providers(workspace), *_check_models(workspace)]
    return Check(
        project=project.project.name,
        problems=_locate_findings(text, problems),
        hints=_locate_findings(text, [*_find_hints(project)]),
        providers=len(project.collect.providers),
        models=len(_list_models(project)),
    )


def _locate_findings(text: str, problems: Sequence[_Found]) -> tuple[Finding, ...]:
    findings = (
        Finding(
            find_line(text, place), ".".join(str(s) for s in place if isinstance(s, str)), message
        )
        for place, message in problems
    )
    return tuple(sorted(findings, key=lambda finding: finding.line))


def _check_providers(workspace: ProjectFolder) -> Iterator[_Found]:
    """Check each provider's kind, options and paths."""
    for number, section in enumerate(workspace.project.collect.providers):
        place = ("collect", "providers", number)
        try:
            provider = build_configured_provider(workspace, section)
        except EphyraError as error:
            yield (*place, _find_named_key(section, str(error), "kind")), str(error)
            continue
        yield from _check_source(workspace, section, provider, place)
        searches = isinstance(provider, SearchProvider)
        if searches and not workspace.project.queries:
            yield (
                (*place, "kind"),
                f"{section.kind} searches, and there is nothing to search for: add [[classes]] "
                'tables with queries = ["…"]',
            )


def _check_source(
    workspace: ProjectFolder, section: ProviderSection, provider: Provider, place: Place
) -> Iterator[_Found]:
    """Check a provider's files, folders and settings by its own rules."""
    given = {name: section.options[name] for name in _PATHS if section.options.get(name)}
    keeps = section.kind == "zenodo" or section.options.get("url")  # at its path what it fetches
    for name, value in given.items():
        path = workspace.resolve_path(value)
        if not keeps and not os.path.exists(path):  # noqa: PTH110  # Path raises for long names
            yield (*place, name), f"{path} is not there: name a file or folder that is"
            return
    if isinstance(provider, LocalSource):
        try:
            provider.require_source()
        except (EphyraError, OSError) as error:
            words = describe_reason(error)
            usual = list(given)[-1] if given else "kind"
            yield (*place, _find_named_key(section, words, usual)), words


def _find_named_key(section: ProviderSection, words: str, usual: str) -> str:
    """Find the option that a message names as ``option = value``."""
    return next((name for name in section.options if f"{name} = " in words), usual)


def _check_storage(project: Project) -> Iterator[_Found]:
    """Check that the driver of the database is installed."""
    url = project.storage.database
    if not url:
        return
    try:
        create_engine(parse_database_url(url, Path())).dispose()
    except StorageError as error:
        yield ("storage", "database"), str(error)


def _check_models(workspace: ProjectFolder) -> Iterator[_Found]:
    """Check each model's name and weights file."""
    for place, name, section in _list_models(workspace.project):
        key = "backbone" if isinstance(section, LabelSection) else "name"
        if wrong := explain_unknown_model(name):
            yield (*place, key), wrong
        if wrong := _check_weights_file(workspace, section.weights):
            yield (*place, "weights"), wrong


def _list_models(project: Project) -> list[tuple[Place, str, ModelSection]]:
    label = project.label
    further = enumerate(label.backbones)
    return [
        (("label",), label.backbone, label),
        *(
            (("label", "backbones", number), backbone.name, backbone)
            for number, backbone in further
        ),
        *(
            (("train", "models", number), model.name, model)
            for number, model in enumerate(project.train.models)
        ),
    ]


def _check_weights_file(workspace: ProjectFolder, weights: str) -> str:
    if weights in ("", PRETRAINED, RANDOM):
        return ""
    try:
        require_weights_file(workspace.resolve_path(weights))
    except (EphyraError, OSError) as error:
        return describe_reason(error)
    return ""


def _find_hints(project: Project) -> Iterator[_Found]:
    """Find what works, but probably does something else than was meant."""
    collect = project.collect
    if not collect.providers:
        yield (
            ("collect",),
            "no [[collect.providers]] table yet: `ephyra collect` has no provider to ask",
        )
    if not project.train.models:
        yield ("train",), "no [[train.models]] table yet: `ephyra train` has nothing to train"
    for number, section in enumerate(collect.providers):
        if section.kind in _STATE_NO_LICENCE and not collect.allow_unknown:
            yield (
                ("collect", "providers", number, "kind"),
                f"{section.kind} states no licence, and allow_unknown = false leaves out every "
                "image without one",
            )

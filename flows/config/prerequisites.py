"""What a command needs of a project, looked at before PyTorch is loaded, which takes seconds."""

from collections.abc import Iterable

from data_registry.errors import InputError
from data_registry.runs.champions import resolve_run
from data_registry.versions.published_versions import find_version
from flows.config.sections.model_section import ModelSection, TrainModelSection
from flows.config.sections.train_section import name_models
from flows.config.workspace import Workspace
from train.choices import PRETRAINED, RANDOM
from train.weights_files import require_weights_file


def require_labelled_images(workspace: Workspace) -> None:
    """Refuse a project without labelled images.

    Raises:
        InputError: nothing was imported yet.
    """
    if not workspace.registry.find_labelled_images():
        raise InputError("there are no labelled images yet: run `ephyra import DIR` first")


def require_teacher(workspace: Workspace) -> None:
    """Refuse a project that cannot teach: no labelled images, or no weights where it names them.

    Raises:
        InputError: nothing was imported yet.
        WeightsError: a weights file of ``[label]`` is missing.
    """
    require_labelled_images(workspace)
    label = workspace.project.label
    require_weights_files(workspace, [label, *label.backbones])


def require_models(workspace: Workspace) -> None:
    """Refuse a project that names no model to train.

    Raises:
        InputError: there is no model.
    """
    if not workspace.project.train.models:
        raise InputError(
            "the project names no model: add a [[train.models]] table with a name to ephyra.toml"
        )


def require_training(workspace: Workspace, version: str) -> None:
    """Refuse a training that cannot begin: no model, no such version, or no weights file.

    Raises:
        InputError: the project names no model, or there is no such version.
        WeightsError: a weights file is missing.
    """
    require_models(workspace)
    find_version(workspace.registry, version)
    require_weights_files(workspace, workspace.project.train.models)


def require_weights_files(workspace: Workspace, sections: Iterable[ModelSection]) -> None:
    """Refuse sections whose weights file is missing.

    Raises:
        WeightsError: naming the file.
    """
    for section in sections:
        if section.weights not in ("", PRETRAINED, RANDOM):
            require_weights_file(workspace.resolve_path(section.weights))


def require_sweeps(workspace: Workspace) -> None:
    """Refuse a project file that names no sweep.

    Raises:
        InputError: it has none.
    """
    if not workspace.project.train.sweeps:
        raise InputError(
            "the project has no sweep: add a [[train.sweeps]] table with a model and a space to "
            "ephyra.toml"
        )


def require_model(workspace: Workspace, name: str) -> TrainModelSection:
    """Return the [[train.models]] table of this name.

    Raises:
        InputError: there is none.
    """
    models = workspace.project.train.models
    known = dict(zip(name_models(models), models, strict=True))
    if name not in known:
        names = ", ".join(known) or "none: add a [[train.models]] table to ephyra.toml"
        raise InputError(f"no [[train.models]] table is called {name!r}; there are {names}")
    return known[name]


def require_runs(workspace: Workspace, names: Iterable[str]) -> None:
    """Refuse names that are no runs; without a name there must be a champion.

    Raises:
        InputError: there is no such run, or no champion.
    """
    for name in list(names) or ["champion"]:
        resolve_run(workspace.registry, name)

"""A labelled set as a project reads it: with its limits, and with the classes that it names."""

from pathlib import Path

from data_registry.errors import LabelledSetError
from data_registry.ingest.class_folders import holds_only_classes
from data_registry.ingest.labelled_set import LabelledSet, read_labelled_set
from data_registry.text.file_names import escape_file_name
from flows.config.project_folder import ProjectFolder
from flows.config.settings import build_image_limits


def read_project_set(project: ProjectFolder, folder: Path) -> LabelledSet:
    """Read a labelled set by the project's rules.

    Raises:
        LabelledSetError: it is none, or has classes that the project does not know.
    """
    labelled = read_labelled_set(
        folder, build_image_limits(project), is_nested=is_nested_set(project, folder)
    )
    declared = {item.name for item in project.project.classes}
    classes = {file.class_name for file in labelled.files}
    if declared and classes - declared:
        raise LabelledSetError(
            f"{escape_file_name(str(folder))} has classes that ephyra.toml does not name: "
            f"{', '.join(sorted(classes - declared))}. Expected {', '.join(sorted(declared))}: "
            "rename the folders, or add [[classes]] tables; nothing was imported"
        )
    return labelled


def is_nested_set(project: ProjectFolder, folder: Path) -> bool:
    """Whether `[[classes]]` names all class folders, so that folders in them only sort photos."""
    return holds_only_classes(folder, [item.name for item in project.project.classes])

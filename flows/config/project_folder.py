"""A project's folder and its file, without the registry: what can be said before anything opens."""

from dataclasses import dataclass
from pathlib import Path

from flows.config.project_schema import Project


@dataclass(frozen=True)
class ProjectFolder:
    """A project's folder and what its file says.

    Attributes:
        folder: where ephyra.toml lies; relative paths in it start there.
        project: what the file says.
    """

    folder: Path
    project: Project

    def resolve_path(self, name: str | Path) -> Path:
        """Resolve a path of the project file: it starts in the project's folder, or at home (~)."""
        try:
            return (self.folder / Path(name).expanduser()).resolve()
        except RuntimeError:  # ~somebody, whom nobody knows
            return (self.folder / name).resolve()

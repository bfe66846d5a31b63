"""Parameters of the flows: a pydantic model each, validated by Prefect before a run starts."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# The project's folder, for a flow that a worker runs: its current folder is an empty one.
PROJECT_VARIABLE = "EPHYRA_PROJECT"


def _resolve_in_project(path: Path) -> Path:
    """Resolve a relative path in the project's folder."""
    return Path(os.environ.get(PROJECT_VARIABLE, "")) / path


ProjectPath = Annotated[Path, AfterValidator(_resolve_in_project)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    project: ProjectPath = Field(Path(), description="the folder of ephyra.toml")


class CollectAndLabelParameters(_Parameters):
    """Parameters of `collect-and-label`."""

    labelled_set: ProjectPath | None = Field(
        None, description="an ImageFolder to import first; not needed when it was imported before"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="calibrated confidence accepted, instead of the project file's"
    )


class RetrainParameters(_Parameters):
    """Parameters of `retrain`."""

    even_without_answers: bool = Field(
        False, description="train although nothing new was answered or collected"
    )

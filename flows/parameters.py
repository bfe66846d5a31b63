"""What the flows take: one pydantic model each, checked by Prefect before anything runs."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Path = Field(Path(), description="the folder of ephyra.toml")


class CollectAndLabelParameters(_Parameters):
    """Parameters of `collect-and-label`."""

    labelled_set: Path | None = Field(
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

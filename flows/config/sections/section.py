"""What every table of the project file is, and the kinds of values that several have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy and scikit-learn take
Threads = Annotated[int, Field(ge=1, le=1000)]
Place = tuple[str | int, ...]
Triple = tuple[float, float, float]


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values are not changed afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


def build_located_error(place: Place, found: object, message: str) -> ValidationError:
    """Build an error that is located below the validated value, so that its line can be named."""
    kind = PydanticCustomError("ephyra", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "Project", [InitErrorDetails(type=kind, loc=place, input=found)]
    )

"""Records as JSON: parse one and check the type of every value; imports nothing heavy."""

from functools import cache
from typing import Any, TypeVar, cast

Record = TypeVar("Record")


def refuse_unknown_keys(kind: type[Record]) -> type[Record]:
    """Mark a record whose JSON holds nothing but its fields; `read_record` refuses other keys."""
    kind.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return kind


def parse_record(kind: type[Record], data: bytes) -> Record:
    """Parse the JSON of a record.

    Raises:
        ValueError: naming the first value that is not of its field's type.
    """
    from pydantic import ValidationError

    try:
        return cast(Record, _build_adapter(cast(Any, kind)).validate_json(data, strict=True))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{place}: {first['msg']}") from None


@cache
def _build_adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter  # a tenth of a second, and many commands read no record

    return TypeAdapter(kind)

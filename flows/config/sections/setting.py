"""Keys of the project file that fill a field of a package's settings record.

A setting is stated once, by the record that the package takes: a key takes its default from there,
and `fill_record` builds the record from the keys.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

_UNSET: Any = object()
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Fills:
    """What a key of the project file fills.

    Attributes:
        records: the settings records that have the field.
        name: of the field.
        convert: from the key's value to the field's; None: they are the same.
    """

    records: tuple[type[Any], ...]
    name: str
    convert: Callable[[Any], Any] | None = None

    def read(self, value: Any) -> Any:
        """Convert a key's value to the field's."""
        return value if self.convert is None else self.convert(value)


def define_setting(
    records: type[Any] | tuple[type[Any], ...],
    name: str,
    description: str,
    *,
    default: Any = _UNSET,
    convert: Callable[[Any], Any] | None = None,
    **bounds: Any,
) -> Any:
    """Define a key that fills a field of a settings record, with the first record's default.

    Args:
        records: the frozen dataclasses that have the field.
        name: of the field.
        description: of the key.
        default: of a key whose default is not the field's.
        convert: from the key's value to the field's.
        **bounds: of the key's value, as of `pydantic.Field`.
    """
    records = records if isinstance(records, tuple) else (records,)
    stated = find_default(records[0], name) if default is _UNSET else default
    key: FieldInfo = Field(stated, description=description, **bounds)
    key.metadata.append(Fills(records=records, name=name, convert=convert))
    return key


def fill_record(record: type[Record], *sections: BaseModel, **given: Any) -> Record:
    """Build a settings record from the keys that fill it.

    Args:
        record: the frozen dataclass.
        *sections: tables of the project file with such keys.
        **given: fields that no key fills, or whose value depends on more than one key.
    """
    taken = {
        link.name: link.read(getattr(section, key))
        for section in sections
        for key, link in find_links(type(section))
        if record in link.records and link.name not in given
    }
    return record(**taken, **given)


def find_links(section: type[BaseModel]) -> Iterator[tuple[str, Fills]]:
    """Find the keys of a table that fill a settings record."""
    for key, info in section.model_fields.items():
        yield from ((key, item) for item in info.metadata if isinstance(item, Fills))


def find_default(record: type[Any], name: str) -> Any:
    """Find the default of a record's field.

    A whole number is an int, as the project file writes it: the ids of runs and the names of sweeps
    are hashes of what it says, and 0 and 0.0 hash differently.

    Raises:
        AttributeError: the record has no such field, or the field has no default.
    """
    for item in fields(record):
        if item.name == name and item.default is not MISSING:
            is_whole = isinstance(item.default, float) and item.default.is_integer()
            return int(item.default) if is_whole else item.default
        if item.name == name and item.default_factory is not MISSING:
            return item.default_factory()
    raise AttributeError(f"{record.__name__} has no field {name!r} with a default")

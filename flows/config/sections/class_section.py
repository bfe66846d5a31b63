"""[[classes]]: names as those of folders are read, and queries that belong to one class."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from data_registry.text.file_names import (
    derive_class_name,
    explain_unusable_class_name,
    normalise_for_comparison,
)
from flows.config.sections.section import Section, build_located_error


def _read_class_name(name: str) -> str:
    """Read a class's name as that of its folder is read."""
    read = derive_class_name(name)
    if why := explain_unusable_class_name(read):
        raise ValueError(f"expected the name of a class folder: {why}")
    return read


def _refuse_blank_query(query: str) -> str:
    if not normalise_for_comparison(query):
        raise ValueError("expected words to search for; nothing in this text can be seen")
    return query


Query = Annotated[str, AfterValidator(_refuse_blank_query)]


class ClassSection(Section):
    """[[classes]]"""

    name: Annotated[str, AfterValidator(_read_class_name)] = Field(
        min_length=1, description="as the class's folder is called"
    )
    queries: tuple[Query, ...] = Field((), description="what to search for")
    group: str = Field("", description="a coarser class, such as fruit or vegetable")


def refuse_similar_classes(classes: Sequence[ClassSection]) -> None:
    """Refuse names that look the same, and queries that two classes have.

    Raises:
        ValidationError: at the later of the two.
    """
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for number, item in enumerate(classes):
        first = names.setdefault(normalise_for_comparison(item.name), item.name)
        if len(names) <= number:
            raise build_located_error((number, "name"), item.name, _describe_twin(first, item.name))
        for query in item.queries:
            owner = owners.setdefault(normalise_for_comparison(query), item.name)
            if owner != item.name:
                raise build_located_error(
                    (number, "queries"),
                    query,
                    f"{owner} has this query too; a query is evidence for one class",
                )


def refuse_queries_of_classes(background: Sequence[str], classes: Sequence[ClassSection]) -> None:
    """Refuse background queries that a class has.

    Raises:
        ValidationError: naming the class.
    """
    owners = {
        normalise_for_comparison(query): each.name for each in classes for query in each.queries
    }
    for query in background:
        if owner := owners.get(normalise_for_comparison(query)):
            raise build_located_error(
                ("collect", "background"),
                query,
                f"{owner} has this query too; a background query finds no class",
            )


def _describe_twin(first: str, second: str) -> str:
    if first.lower() == second.lower():
        return (
            f"a class called {first!r} stands above; expected names that differ in more than upper "
            "and lower case"
        )
    return (
        f"a class called {first!a} stands above, and {second!a} can hardly be told apart "
        "from it; expected names that differ in more than spaces, _, accents, case or signs that "
        "cannot be seen"
    )

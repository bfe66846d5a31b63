"""What is wrong in a project file, a line for each mistake, in the file's own words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from data_registry.text.secrets import hide_secrets, is_secret_name
from data_registry.text.wording import find_nearest_name
from flows.config.project_schema import Project
from flows.config.sections.section import Section
from flows.config.validation.expected_words import describe_expectation, join_expectations
from flows.config.validation.toml_lines import Place, find_line

_UNKNOWN, _MISSING = "extra_forbidden", "missing"


def explain_mistakes(
    file_name: str, text: str, data: Mapping[str, Any], error: ValidationError
) -> str:
    """Describe each mistake with its line, its key and what was expected.

    Args:
        file_name: what the message calls the file.
        text: the file.
        data: the same, parsed.
        error: what validation found.
    """
    mistakes: dict[Place, list[Mapping[str, Any]]] = {}
    for problem in error.errors():
        mistakes.setdefault(_locate_value(data, problem), []).append(problem)
    lines = [
        (find_line(text, place), f"{_format_key(place)}: {_describe_problems(place, problems)}")
        for place, problems in mistakes.items()
        if not _is_explained_deeper(place, mistakes)
    ]
    return "\n".join(f"{file_name} line {line}: {words}" for line, words in sorted(lines))


def _locate_value(data: Mapping[str, Any], problem: Mapping[str, Any]) -> Place:
    """Locate a value in the file, without the names that pydantic adds for a union's alternatives.

    A missing key is the last step, though the file does not have it.
    """
    here: Any = data
    place: list[str | int] = []
    steps: Sequence[str | int] = problem["loc"]
    for number, step in enumerate(steps, start=1):
        if _has(here, step):
            here = here[step]
            place.append(step)
        elif problem["type"] == _MISSING and number == len(steps) and isinstance(step, str):
            place.append(step)
    return tuple(place)


def _has(here: Any, step: str | int) -> bool:
    if isinstance(here, Mapping):
        return step in here
    return isinstance(here, list) and isinstance(step, int) and step < len(here)


def _is_explained_deeper(place: Place, places: Mapping[Place, object]) -> bool:
    """Say whether a mistake further inside explains more than one about the whole value."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _format_key(place: Place) -> str:
    return ".".join(str(part) for part in place if not isinstance(part, int)) or "the file"


def _describe_problems(place: Place, problems: Sequence[Mapping[str, Any]]) -> str:
    if any(problem["type"] == _UNKNOWN for problem in problems):
        return _explain_unknown_key(place)
    if any(problem["type"] == _MISSING and problem["loc"][-1] == place[-1] for problem in problems):
        return "this key is missing"
    expectation = join_expectations(map(_describe_expected_value, problems))
    if any(step == "storage" or is_secret_name(str(step)) for step in place):
        return expectation  # what was found may be a password
    return f"{expectation} (found {hide_secrets(repr(problems[0]['input'])):.80})"


def _describe_expected_value(problem: Mapping[str, Any]) -> str:
    if problem["type"] == _MISSING:  # of a list's values, not of a table's keys
        return f"expected at least {problem['loc'][-1] + 1} values"
    return describe_expectation(problem["msg"])


def _explain_unknown_key(place: Place) -> str:
    """Suggest the key that was meant, or the table it belongs in."""
    name, section = str(place[-1]), _find_section(place[:-1])
    there = "there is no such key"
    if section and (near := find_nearest_name(name, section.model_fields)):
        return f"{there}; did you mean {near}?"
    homes = [
        str(home.__doc__)
        for home in _walk_sections(Project)
        if name in home.model_fields and str(home.__doc__).startswith("[")
    ]
    if homes:
        return f"{there} here; it belongs in {' or '.join(dict.fromkeys(homes))}"
    return f"{there}; `ephyra init --all` writes a file with every key explained"


def _find_section(place: Place) -> type[Section] | None:
    """Find the model of a table; None where any key is allowed."""
    section: type[Section] | None = Project
    for step in place:
        if isinstance(step, str):
            info = section.model_fields.get(step) if section else None
            section = next(_find_inner_sections(info.annotation), None) if info else None
    return section


def _walk_sections(model: type[Section]) -> Iterator[type[Section]]:
    """Yield a table's model and those of the tables in it."""
    yield model
    for info in model.model_fields.values():
        for inner in _find_inner_sections(info.annotation):
            yield from _walk_sections(inner)


def _find_inner_sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _find_inner_sections(inner)

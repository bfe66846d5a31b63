"""Read a CSV of answers; an error names the line that does not fit."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_registry.csv_files import CsvReader
from data_registry.errors import AnswerFileError, describe_reason
from data_registry.labels.class_words import ClassWords
from data_registry.text.hashes import LEAST_PREFIX, is_prefix_of, shorten_hash
from data_registry.text.wording import count_noun

_WANTED = ("sha256", "answer")


@dataclass(frozen=True)
class FileAnswer:
    """One answered line.

    Attributes:
        line: its number in the file, from 1.
        class_name: what the image shows; empty for none of the classes.
    """

    line: int
    sha256: str
    class_name: str
    note: str


@dataclass(frozen=True)
class AnswerFile:
    """The content of a file of answers.

    Attributes:
        answers: one an image, in the file's order.
        blank: lines without an answer.
    """

    answers: tuple[FileAnswer, ...]
    blank: int


def read_answers(
    file: Path, known_images: Collection[str], class_names: Collection[str]
) -> AnswerFile:
    """Read a CSV with the columns sha256 and answer, and note where it has one.

    An answer is a class or ``none``, see `data_registry.labels.class_words`. A SHA-256 may be
    shortened to 6 characters or more that are unique. Commas, semicolons or tabs separate the
    columns.

    Raises:
        AnswerFileError: no CSV in UTF-8, a missing column, an unknown image or class, or two
            answers about one image that differ.
    """
    known = sorted(known_images)
    words = ClassWords(class_names)
    answers: dict[str, FileAnswer] = {}
    blank = 0
    for line, row in _read_rows(file):
        where = f"{file.name} line {line}"
        if not any(cell.strip() for cell in row.values()):
            continue
        sha256 = _find_image(row["sha256"].strip().lower(), known, where)
        if not row["answer"].strip():
            blank += 1
            continue
        class_name = _find_class(row["answer"].strip(), words, where)
        answer = FileAnswer(line, sha256, class_name, row.get("note", ""))
        first = answers.get(sha256, answer)
        _refuse_contradiction(first, answer, words, where)
        answers[sha256] = replace(first, note=_join_notes(first.note, answer.note))
    return AnswerFile(tuple(answers.values()), blank)


def _read_rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        # Line ends inside of a cell stay what they are.
        reader = CsvReader(file.read_bytes().decode("utf-8-sig"), _WANTED, is_strict=True)
        _refuse_missing_columns(file, reader.columns)
        yield from reader
    except UnicodeDecodeError as error:
        raise AnswerFileError(
            f"{file.name} is not UTF-8 ({error.reason} at byte {error.start}): save it as CSV in "
            "UTF-8; nothing was recorded"
        ) from error
    except (OSError, csv.Error) as error:
        raise AnswerFileError(
            f"cannot read the answers in {file}: {describe_reason(error)}; nothing was recorded"
        ) from error


def _refuse_missing_columns(file: Path, columns: Sequence[str]) -> None:
    missing = set(_WANTED) - set(columns)
    if missing:
        raise AnswerFileError(
            f"{file.name} line 1 has no column {' and '.join(sorted(missing))}; found "
            f"{', '.join(columns) or 'nothing'}. `ephyra review --sheet FILE.csv` writes a file to "
            "fill in; nothing was recorded"
        )


def _find_image(name: str, known: Sequence[str], where: str) -> str:
    # `known` is sorted, so that all names that begin alike stand together.
    start = bisect_left(known, name, key=lambda sha256: sha256[: len(name)])
    end = bisect_right(known, name, key=lambda sha256: sha256[: len(name)])
    if end - start != 1 or not is_prefix_of(name, known[start]):
        matches = count_noun(end - start, "image") if name and end > start else "no stored image"
        raise AnswerFileError(
            f"{where}: {matches} with SHA-256 {name!r}; expected at least {LEAST_PREFIX} "
            "characters of exactly one. `ephyra review` lists the images that wait; nothing was "
            "recorded"
        )
    return known[start]


def _find_class(answer: str, words: ClassWords, where: str) -> str:
    matches = words.find(answer)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AnswerFileError(
            f"{where}: {answer!r} may be {' or '.join(matches)}; spell it exactly so. Nothing was "
            "recorded"
        )
    raise AnswerFileError(
        f"{where}: {answer!r} is no class. Expected {', '.join(words.class_names)} or "
        f"{words.none_word!r}; nothing was recorded"
    )


def _join_notes(first: str, second: str) -> str:
    """Keep both notes of an image that stands in two lines."""
    return first if second in ("", first) else f"{first}; {second}" if first else second


def _refuse_contradiction(
    first: FileAnswer, second: FileAnswer, words: ClassWords, where: str
) -> None:
    if first.class_name != second.class_name:
        raise AnswerFileError(
            f"{where}: {shorten_hash(second.sha256)} is {words.name(second.class_name)!r}, but "
            f"line {first.line} says {words.name(first.class_name)!r}. Leave one of them; nothing "
            "was recorded"
        )

"""No text of a CSV is a formula to a spreadsheet, and reading gives every text back."""

import csv
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.csv_files import CsvReader, neutralise_cell, restore_cell, write_csv
from data_registry.errors import InputError, StorageError

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
# Spreadsheets' favourites, and any text that UTF-8 can hold.
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("=+-@\t\r\n'\",; a1", max_size=6),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def rows_of(file: Path, *wanted: str) -> list[dict[str, str]]:
    text = file.read_bytes().decode("utf-8")
    return [dict(row) for _, row in CsvReader(text, wanted)]


@given(texts)
def test_a_cell_is_no_formula_and_comes_back(text: str) -> None:
    cell = neutralise_cell(text)
    assert not cell.startswith(FORMULAS)
    assert restore_cell(cell) == text


@given(texts)
def test_reading_keeps_a_cell_that_others_wrote(text: str) -> None:
    """A spreadsheet may drop the apostrophe; what it leaves is the text itself."""
    if text.startswith(FORMULAS):
        assert restore_cell(text) == text


@given(st.lists(st.tuples(texts, texts, numbers, st.integers()), max_size=5))
def test_a_table_comes_back(rows: list[tuple[str, str, float, int]]) -> None:
    table = pd.DataFrame(rows, columns=["=first", "second", "number", "count"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write_csv(table, file)
        with file.open(newline="", encoding="utf-8") as stream:
            cells = [row[:2] for row in csv.reader(stream)]
        read = rows_of(file, "=first", "second")
    assert not any(cell.startswith(FORMULAS) for row in cells for cell in row)
    assert [(row["=first"], row["second"]) for row in read] == [row[:2] for row in rows]
    assert [float(row["number"]) for row in read] == [row[2] for row in rows]
    assert [int(row["count"]) for row in read] == [row[3] for row in rows]


@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from([",", ";", "\t"]))
def test_any_delimiter_of_a_spreadsheet_is_read(cells: list[str], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter=delimiter)
            writer.writerow(["sha256", "answer"])
            writer.writerows([neutralise_cell(cell), "x"] for cell in cells)
        assert [row["sha256"] for row in rows_of(file, "sha256", "answer")] == cells


def test_numbers_stay_numbers_and_nothing_stays_empty(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "chance": [-0.25, float("nan")],
            "mixed": [-3, ""],
            "fold": pd.array([-1, None], dtype="Int64"),
            "word": ["-0.25", None],
        }
    )
    write_csv(table, tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines == ["chance,mixed,fold,word", "-0.25,-3,-1,'-0.25", ",,,"]
    assert list(pd.read_csv(tmp_path / "table.csv")["chance"].dropna()) == [-0.25]


def test_a_file_name_that_is_no_text_is_written_by_its_bytes(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"file": ["caf\udce9.jpg"]}, dtype=object), tmp_path / "table.csv")
    assert rows_of(tmp_path / "table.csv", "file") == [{"file": "caf\\udce9.jpg"}]


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "nowhere" / "table.csv")


def test_another_table_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    write_csv(pd.DataFrame({"sha256": ["a"], "answer": ["=moon"]}), file)
    before = file.read_bytes()
    with pytest.raises(InputError, match="is another file"):
        write_csv(pd.DataFrame({"sha256": ["a"], "verdict": ["review"]}), file)
    assert file.read_bytes() == before
    write_csv(pd.DataFrame({"sha256": ["b"], "answer": ["rose"]}), file)
    assert b"rose" in file.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "SHA256,Answer\na,moon\n",
        "sha256 , answer\na,moon\n",
        "sep=;\nsha256;answer\na;moon\n",
        '"sep=;"\r\nsha256;answer\r\na;moon\r\n',
        "\n\nsha256,answer\na,moon\n",
        "sha256|answer\na|moon\n",
        "sep=~\nsha256~answer\na~moon\n",
    ],
)
def test_a_header_is_found_as_spreadsheets_write_it(text: str) -> None:
    reader = CsvReader(text, ("sha256", "answer"), is_strict=True)
    ((line, row),) = list(reader)
    assert dict(row) == {"sha256": "a", "answer": "moon"}
    assert line == len(text.splitlines())


def test_a_column_that_stands_twice_is_told_with_its_line() -> None:
    with pytest.raises(csv.Error, match="line 2 has several columns answer; leave one"):
        CsvReader("sep=,\nanswer,ANSWER\n", ("answer",))


@pytest.mark.parametrize("text", ["", "\n\n", "sep=;\n"])
def test_a_text_without_a_header_has_no_columns(text: str) -> None:
    assert CsvReader(text, ("answer",)).columns == []

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.duplicates.name_patterns import ImportedFile, compile_pattern, find_name_links
from data_registry.errors import ProjectFileError


def named(*paths: str) -> list[ImportedFile]:
    return [ImportedFile(path, path.split("/")[-2], path) for path in paths]


def links(*paths: str, patterns: tuple[str, ...] = ("aug-N-SRC",)) -> set[tuple[str, str]]:
    return {(a, b) for a, b, _ in find_name_links(named(*paths), patterns)}


def test_a_copy_is_tied_to_its_source_whatever_the_extension() -> None:
    assert links("train/a/01.jpeg", "train/a/aug-0-01.jpg") == {
        ("train/a/01.jpeg", "train/a/aug-0-01.jpg")
    }


def test_the_source_in_the_same_folder_is_meant() -> None:
    found = links("train/a/01.jpg", "test/a/01.jpg", "train/a/aug-3-01.jpg")
    assert found == {("train/a/01.jpg", "train/a/aug-3-01.jpg")}


def test_a_source_in_another_split_is_found() -> None:
    assert links("test/a/02.jpg", "train/a/aug-3-02.jpg") == {
        ("test/a/02.jpg", "train/a/aug-3-02.jpg")
    }


def test_another_class_is_never_meant() -> None:
    assert links("train/b/01.jpg", "train/a/aug-0-01.jpg") == set()


def test_copies_of_a_missing_source_are_tied_to_each_other() -> None:
    assert links("train/a/aug-0-7.jpg", "train/a/aug-1-7.jpg") == {
        ("train/a/aug-0-7.jpg", "train/a/aug-1-7.jpg")
    }


def test_other_letters_of_a_pattern_stand_for_themselves() -> None:
    pattern = compile_pattern("SRC (N)")
    assert pattern.match_stem("medusa (12)") == {"source": "medusa"}
    assert pattern.match_stem("medusa (x)") is None
    assert pattern.match_stem("medusa 12") is None
    assert compile_pattern("NEW-SRC").match_stem("NEW-medusa") == {"source": "medusa"}


PATTERNS = ["aug-N-SRC", "SRC-N", "N0N0SRC", "SRC1N1N", "N-N-N-SRC", "a1SRC1a", "SRC", "(N) SRC.N"]


def as_expression(pattern: str) -> re.Pattern[str]:
    """Translate a pattern to a regular expression, which is right, and slow."""
    parts = re.split(r"(SRC|(?<![A-Za-z])N(?![A-Za-z]))", pattern)
    means = {"SRC": r"(?P<source>.+)", "N": r"\d+"}
    return re.compile("".join(means.get(part, re.escape(part)) for part in parts))


@given(st.sampled_from(PATTERNS), st.text("01a-() .\n\u0661ug", max_size=16))
def test_a_pattern_means_what_its_expression_means(pattern: str, stem: str) -> None:
    expected = as_expression(pattern).fullmatch(stem)
    assert compile_pattern(pattern).match_stem(stem) == (
        {"source": expected["source"]} if expected else None
    )


@pytest.mark.parametrize("pattern", ["N0N0N0N0N-SRC", "SRC0N0N0N0N0x", "N-N-N-N-SRC"])
def test_long_runs_of_digits_are_read_once(pattern: str) -> None:
    """By a regular expression these take longer than anybody waits."""
    compiled = compile_pattern(pattern)
    assert compiled.match_stem("0" * 20_000) is None
    assert compiled.match_stem("0-" * 10_000) is None or pattern == "N-N-N-N-SRC"


@pytest.mark.parametrize("pattern", ["aug-N", "SRC-SRC", ""])
def test_a_pattern_needs_its_source_once(pattern: str) -> None:
    with pytest.raises(ProjectFileError, match="exactly once"):
        compile_pattern(pattern)

import pytest

from data_registry.errors import ProjectFileError
from data_registry.name_patterns import NamedImage, compile_pattern, name_links


def named(*paths: str) -> list[NamedImage]:
    return [NamedImage(path, path.split("/")[-2], path) for path in paths]


def links(*paths: str, patterns: tuple[str, ...] = ("aug-N-SRC",)) -> set[tuple[str, str]]:
    return {(a, b) for a, b, _ in name_links(named(*paths), patterns)}


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
    assert pattern.fullmatch("medusa (12)")["source"] == "medusa"
    assert pattern.fullmatch("medusa (x)") is None
    assert pattern.fullmatch("medusa 12") is None
    assert compile_pattern("NEW-SRC").fullmatch("NEW-medusa")["source"] == "medusa"


@pytest.mark.parametrize("pattern", ["aug-N", "SRC-SRC", ""])
def test_a_pattern_needs_its_source_once(pattern: str) -> None:
    with pytest.raises(ProjectFileError, match="exactly once"):
        compile_pattern(pattern)

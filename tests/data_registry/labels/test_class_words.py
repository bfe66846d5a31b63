"""What an answer means: a class however it is spelt, before any word of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.labels.class_words import NONE, ClassWords

JELLIES = ("Moon_jellyfish", "barrel-jellyfish", "Quallé")
names = st.sets(st.one_of(st.text(min_size=1), st.sampled_from([NONE, "None", "none of these"])))


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("Moon_jellyfish", "Moon_jellyfish"),
        ("moon jellyfish", "Moon_jellyfish"),
        ("MOON  JELLYFISH", "Moon_jellyfish"),
        ("moon-jellyfish", "Moon_jellyfish"),
        ("barrel jellyfish", "barrel-jellyfish"),
        ("quallé", "Quallé"),
        ("Qualle\u0301", "Quallé"),
        ("Moon\u200b jellyfish", "Moon_jellyfish"),
        ("none", ""),
        ("None", ""),
        ("none of the classes", ""),
    ],
)
def test_a_class_is_found_however_it_is_spelt(answer: str, meant: str) -> None:
    assert ClassWords(JELLIES).find(answer) == (meant,)


@pytest.mark.parametrize("answer", ["", "moonjellyfish", "jellyfish", "nothing"])
def test_what_is_no_class_is_nothing(answer: str) -> None:
    assert ClassWords(JELLIES).find(answer) == ()


@pytest.mark.parametrize("name", ["none", "None", "NONE", "none of the classes", "None_of_these"])
def test_a_class_may_be_called_like_a_word_of_ours(name: str) -> None:
    words = ClassWords([name, "dog"])
    assert words.find(name.lower()) == (name,)
    assert words.find(words.none_word) == ("",)
    assert words.none_word != name


def test_classes_that_differ_in_spelling_alone_must_be_spelt() -> None:
    words = ClassWords(["cat", "Cat"])
    assert words.find("cat") == ("cat",)
    assert words.find("Cat") == ("Cat",)
    assert set(words.find("CAT")) == {"cat", "Cat"}


@given(names)
def test_every_class_and_none_of_them_can_be_said(class_names: set[str]) -> None:
    words = ClassWords(class_names)
    assert all(words.find(name) == (name,) for name in class_names)
    assert words.find(words.none_word) == ("",)

import unicodedata

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data_registry.errors import ProviderError
from data_registry.export.attribution import format_attribution
from data_registry.text.printable import make_one_line, make_printable, make_value_printable

any_text = st.text(st.characters(exclude_categories=()))
HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\r\x08\u202eevil\u2066\u2028\ud800"


def is_harmless(text: str) -> bool:
    return all(
        each in "\n\t"
        or (
            unicodedata.category(each) not in ("Cc", "Cs", "Zl", "Zp")
            and unicodedata.bidirectional(each)
            not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        )
        for each in text
    )


@given(any_text)
def test_what_is_shown_steers_nothing(text: str) -> None:
    shown = make_printable(text)
    assert is_harmless(shown)
    assert len(shown) == len(text)
    assert make_printable(shown) == shown
    shown.encode()
    assert not set(make_one_line(text)) & {"\n", "\t"}


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("a\n\tb", "Zoë, 水母 🙂", "עברית \u200f(א)", "👩\u200d🔬 soft\u00adhyphen"):
        assert make_printable(text) == text


def test_errors_are_fit_to_be_shown() -> None:
    error = ProviderError(f"the server said {HOSTILE}")
    assert is_harmless(str(error))
    assert str(error).startswith("the server said \ufffd[2J")


def test_values_of_tables_and_templates() -> None:
    assert make_value_printable({"a\x1b": ["b\x9b", ("c\x00", 5)], "d": None}) == {
        "a\ufffd": ["b\ufffd", ("c\ufffd", 5)],
        "d": None,
    }


def test_attribution_is_markdown_whatever_creators_call_themselves() -> None:
    hostile = HOSTILE.replace("\ud800", "")  # which is not stored
    row = {
        "file": "moon/1.jpg",
        "title": f"{hostile}\n# heading",
        "creator": f"[x](javascript:alert) {hostile}",
        "licence": f"BY\n## {hostile}",
        "licence_url": "https://host/\x1b[2J",
        "page_url": "https://host/\u202egpj",
        "url": "https://host/1.jpg",
    }
    text = format_attribution(pd.DataFrame([row]))
    assert is_harmless(text)
    assert len(text.strip().splitlines()) == 5
    assert "[x](" not in text

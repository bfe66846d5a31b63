"""Tables in a terminal: a line a row, and no column lost where it is narrow."""

import io

import pandas as pd
import pytest
from rich.console import Console

from data_registry.text.wording import count_noun, format_class_name, suggest_name
from flows.output.answer import Answer
from flows.output.collection_view import build_yield_answer
from flows.output.review_view import _build_queue_table
from flows.shared.tables import build_table


def shown(answer: Answer, width: int) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out, width=width, soft_wrap=True, markup=False, emoji=False, highlight=False
    )
    for item in answer.shown:
        console.print(item)
    return out.getvalue().splitlines()


QUEUE = pd.DataFrame(
    {
        "sha256": [f"{number:064x}" for number in range(20)],
        "queue": "review",
        "class_name": "lions_mane_jellyfish",
        "confidence": 0.5,
        "detail": "the query says one thing and the teacher another; " * 3,
        "url": "https://example.org/" + "a/" * 60,
        "answer": "",
    }
)
YIELD = pd.DataFrame(
    {
        "provider": ["inaturalist"],
        "query": ["lion's mane jellyfish Cyanea capillata"],
        **{
            name: [100]
            for name in ("candidates", "new", "duplicate", "junk", "refused", "failed", "usable")
        },
    }
)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_queue_takes_a_line_an_image(width: int) -> None:
    lines = shown(Answer({}, [_build_queue_table(QUEUE)]), width)
    assert len(lines) == 21
    assert max(map(len, lines)) <= width
    assert all("lions mane jellyfish" in line for line in lines[1:])


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_a_query_s_yield_names_the_query(width: int) -> None:
    text = " ".join(shown(build_yield_answer(YIELD), width))
    assert "lion's mane jellyfish Cyanea capillata" in text
    assert text.count("100") == 9  # one of them in a heading


def test_a_table_that_does_not_fit_becomes_a_block_a_row() -> None:
    drawn = build_table("name", "first", "second")
    drawn.add_row("a" * 20, "b" * 20, "c" * 20)
    drawn.add_row("d" * 20, "", "f" * 20)
    lines = shown(Answer({}, [drawn]), 40)
    assert lines == [
        f"name {'a' * 20}",
        f"  first {'b' * 20}, second {'c' * 20}",
        f"name {'d' * 20}",
        f"  second {'f' * 20}",
    ]
    assert len(shown(Answer({}, [drawn]), 80)) == 3


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "pair", "0 pairs"),
        (1, "pair", "1 pair"),
        (2, "class", "2 classes"),
        (3, "query", "3 queries"),
        (4, "key", "4 keys"),
        (1200, "image", "1,200 images"),
    ],
)
def test_a_count_goes_with_its_noun(count: int, noun: str, words: str) -> None:
    assert count_noun(count, noun) == words


def test_names_are_read_and_guessed() -> None:
    assert format_class_name("Moon_jellyfish") == "Moon jellyfish"
    assert suggest_name("treshold", ["threshold", "mode"]) == "; did you mean threshold?"
    assert suggest_name("xyzzy", ["threshold"]) == ""

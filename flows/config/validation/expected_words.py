"""What a validator expected, in words that people use: Ephyra's users never meet pydantic's.

pydantic's messages are read, not its error types, since Typer passes on the messages alone.
"""

import re
from collections.abc import Iterable

# A message of pydantic, and what is said instead; the first that fits is taken.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"Value error, (.*)", r"\1"),
    (r"Input should be a valid string.*", "expected text in quotation marks"),
    (r"Input should be a valid integer.*", "expected a whole number"),
    (r"Input should be a valid number.*", "expected a number"),
    (r"Input should be a finite number.*", "expected a finite number"),
    (r"Input should be a valid boolean.*", "expected true or false"),
    (r"Input should be a valid (?:tuple|list|set).*", "expected a list in square brackets"),
    (r"Input should be a valid dictionary.*", "expected a table"),
    (r"Input should be an? (?:valid )?(?:object|instance of .*)", "expected a table"),
    (r"Input should be greater than or equal to (.+)", r"expected at least \1"),
    (r"Input should be less than or equal to (.+)", r"expected at most \1"),
    (r"Input should be greater than (.+)", r"expected more than \1"),
    (r"Input should be less than (.+)", r"expected less than \1"),
    (r"Input should be (.+)", r"expected \1"),
    (r"String should have at least 1 character", "expected text that is not empty"),
    (r"String should (.+)", r"expected text that should \1"),
    (
        r"(?:Tuple|List) should have at (least|most) (\d+) items? after validation, not (\d+)",
        r"expected at \1 \2 values, not \3",
    ),
    (r"Field required", "this value is missing"),
    (r"Extra inputs are not permitted", "there is no such key"),
    (r"Unexpected (?:keyword |positional )?argument", "there is no such key"),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), words) for pattern, words in _WORDS]


def describe_expectation(message: str) -> str:
    """Translate a validator's message into plain words; a plain one is returned unchanged."""
    for pattern, words in _PATTERNS:
        if match := pattern.fullmatch(message):
            return match.expand(words)
    return message


def join_expectations(messages: Iterable[str]) -> str:
    """Join the expectations of alternatives into one: "expected a whole number or …"."""
    distinct = list(dict.fromkeys(messages))
    expected = [words.removeprefix("expected ") for words in distinct if _is_expectation(words)]
    others = [words for words in distinct if not _is_expectation(words)]
    return "; ".join([*others, f"expected {' or '.join(expected)}"] if expected else others)


def _is_expectation(words: str) -> bool:
    return words.startswith("expected ")

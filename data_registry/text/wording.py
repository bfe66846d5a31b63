"""Word the messages of all packages: counts with nouns, and suggested names."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


def count_noun(count: int, noun: str, nouns: str = "") -> str:
    """Format a count with its noun, for example "1 pair", "3 pairs" or "0 classes".

    Args:
        count: how many.
        noun: the word for one, with what stands before it: "test image".
        nouns: the word for several, where it is formed in its own way; else built from `noun`.
    """
    return f"{count:,} {noun if count == 1 else nouns or build_plural(noun)}"


def build_plural(noun: str) -> str:
    """Build the plural of an English noun: "images", "classes", "queries"."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def choose_verb_form(count: int, singular: str, plural: str) -> str:
    """Choose the verb form for a count: `choose_verb_form(1, "waits", "wait")`."""
    return singular if count == 1 else plural


def format_class_name(name: str) -> str:
    """Format a class name for people: underscores become spaces, where a line may break."""
    return name.replace("_", " ")


def suggest_name(name: str, known: Collection[str]) -> str:
    """Suggest a known name at the end of a message; empty where none is similar."""
    near = find_nearest_name(name, known)
    return f"; did you mean {near}?" if near else ""


def find_nearest_name(name: str, known: Iterable[str]) -> str:
    """Find the known name that is most similar to `name`; empty where none is."""
    by_plain_name = {_normalise_name(each): each for each in known}
    near = get_close_matches(_normalise_name(name), by_plain_name, n=1, cutoff=0.7)
    return by_plain_name[near[0]] if near else ""


def _normalise_name(name: str) -> str:
    return name.casefold().replace("-", "_")

"""Words that messages of every room share: counts with their nouns, and names meant instead."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


def count_noun(count: int, noun: str, nouns: str = "") -> str:
    """For example "1 pair", "3 pairs", "0 classes".

    Args:
        count: how many.
        noun: the word for one, with what stands before it: "test image".
        nouns: the word for several, where it is formed in its own way; else built from `noun`.
    """
    return f"{count:,} {noun if count == 1 else nouns or build_plural(noun)}"


def build_plural(noun: str) -> str:
    """The plural of an English noun: "images", "classes", "queries"."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def choose_verb_form(count: int, singular: str, plural: str) -> str:
    """The form of a verb that goes with a count: `verb_of(1, "waits", "wait")`."""
    return singular if count == 1 else plural


def format_class_name(name: str) -> str:
    """A class as people read it: its folder's underscores are spaces, where a line may break."""
    return name.replace("_", " ")


def suggest_name(name: str, known: Collection[str]) -> str:
    """A question that ends a message about an unknown name; empty where nothing comes near."""
    near = find_nearest_name(name, known)
    return f"; did you mean {near}?" if near else ""


def find_nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that somebody who wrote `name` most likely meant, or an empty text."""
    by_plain_name = {_normalise_name(each): each for each in known}
    near = get_close_matches(_normalise_name(name), by_plain_name, n=1, cutoff=0.7)
    return by_plain_name[near[0]] if near else ""


def _normalise_name(name: str) -> str:
    return name.casefold().replace("-", "_")

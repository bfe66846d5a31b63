"""Parse a person's answer: a class, or the word for none of them, in any spelling."""

import re
from collections import defaultdict
from collections.abc import Collection

from data_registry.text.file_names import normalise_for_comparison

NONE = "none"
# All of them mean "none of the classes", but for those that a class is called.
_NONE_WORDS = (NONE, "none of the classes", "none of these", "(none of the classes)")
_GAPS = re.compile(r"[\s_-]+")


class ClassWords:
    """Finds the meaning of an answer. A class takes precedence over the words for none.

    Args:
        class_names: of the project.
    """

    def __init__(self, class_names: Collection[str]) -> None:
        self.class_names = tuple(sorted(class_names))
        self._alike: dict[str, list[str]] = defaultdict(list)
        for name in self.class_names:
            self._alike[_normalise_spelling(name)].append(name)
        free = [word for word in _NONE_WORDS if _normalise_spelling(word) not in self._alike]
        self._none_words = {_normalise_spelling(word) for word in free}
        #: The word that says "none of the classes" here, and is no class.
        self.none_word = free[0] if free else _find_free_word(self._alike)

    def find(self, answer: str) -> tuple[str, ...]:
        """Return what an answer may mean: one class, or "" for none of the classes.

        Its case does not matter, nor whether words are parted by spaces, ``_`` or ``-``. No result
        means that there is no such class, several that only the exact spelling would tell.
        """
        if answer in self.class_names:
            return (answer,)
        plain = _normalise_spelling(answer)
        if plain in self._alike:
            return tuple(self._alike[plain])
        return ("",) if plain in self._none_words or answer == self.none_word else ()

    def name(self, class_name: str) -> str:
        """Return the word for a class, or for none of them where it is empty."""
        return class_name or self.none_word


def _normalise_spelling(words: str) -> str:
    """Return a spelling in which answers are compared."""
    return _GAPS.sub(" ", normalise_for_comparison(words)).strip()


def _find_free_word(taken: Collection[str]) -> str:
    word = _NONE_WORDS[-1]
    while _normalise_spelling(word) in taken:
        word = f"({word})"
    return word

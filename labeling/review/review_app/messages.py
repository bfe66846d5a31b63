"""What the next page says about the last form."""

import threading
from collections import OrderedDict
from secrets import token_urlsafe

_MESSAGES_KEPT = 32


class Messages:
    """Messages under names that nobody can guess.

    A page that took its words from its address would say whatever a link asks it to.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: OrderedDict[str, str] = OrderedDict()

    def keep(self, words: str) -> str:
        """Keep a message; return its name."""
        name = token_urlsafe(8)
        with self._lock:
            self._words[name] = words
            while len(self._words) > _MESSAGES_KEPT:
                self._words.popitem(last=False)
        return name

    def find(self, name: str) -> str:
        """Return the message of this name, or nothing."""
        with self._lock:
            return self._words.get(name, "")

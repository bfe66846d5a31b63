"""Hashes as names: shown by their beginning, entered by a prefix, made of what they name."""

import hashlib

SHOWN_LENGTH = 12  # a workspace would need millions of images for two to begin alike
LEAST_PREFIX = 6  # characters by which a person may name an image, a run or a version
_CONTENT_NAME_LENGTH = 16


def shorten_hash(name: str, length: int = SHOWN_LENGTH) -> str:
    """Shorten a SHA-256 or a run's id, never below what names it on the command line."""
    return name[: max(length, LEAST_PREFIX)]


def is_prefix_of(given: str, name: str) -> bool:
    """Whether a person means this hash: the given text is all of it, or a beginning long enough."""
    return given == name or (len(given) >= LEAST_PREFIX and name.startswith(given.lower()))


def name_by_content(facts: str) -> str:
    """Name a run, a fold or a file by what it is made of; such names are stored and stay."""
    return hashlib.sha256(facts.encode()).hexdigest()[:_CONTENT_NAME_LENGTH]

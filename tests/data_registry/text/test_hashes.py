"""Hashes are cut in one place, and one least length names something on the command line."""

import hashlib
import re
from pathlib import Path

import pytest

from data_registry.text.hashes import (
    LEAST_PREFIX,
    SHOWN_LENGTH,
    is_prefix_of,
    name_by_content,
    shorten_hash,
)

ROOT = Path(__file__).parents[3]
PACKAGES = ("data_registry", "collectors", "labeling", "train", "flows")
NAME = "0123456789abcdef" * 4
# A hash that is cut: `sha256[:8]`, `run_id[:6]`, `digest.hexdigest()[:16]`.
CUT = re.compile(
    r"(?:sha256|_id|hash|digest|version|parent|teacher|champion|hexdigest\(\))\[:\d+\]"
)


def test_what_is_shown_can_be_entered() -> None:
    for shown in (shorten_hash(NAME), shorten_hash(NAME, LEAST_PREFIX), shorten_hash(NAME, 1)):
        assert is_prefix_of(shown, NAME)
    assert len(shorten_hash(NAME)) == SHOWN_LENGTH
    assert shorten_hash("") == ""


@pytest.mark.parametrize(
    ("given", "is_meant"),
    [("01234", False), ("012345", True), ("012345ABCDEF", False), ("0123456789ABCD", True),
     (NAME, True), (NAME + "0", False), ("", False)],
)  # fmt: skip
def test_a_prefix_of_six_characters_names_a_hash(given: str, is_meant: bool) -> None:
    assert is_prefix_of(given, NAME) == is_meant


def test_a_name_by_content_never_changes() -> None:
    assert name_by_content('["v", 1]') == hashlib.sha256(b'["v", 1]').hexdigest()[:16]
    assert name_by_content("") == "e3b0c44298fc1c14"


def test_no_hash_is_cut_elsewhere() -> None:
    files = [
        file
        for package in PACKAGES
        for kind in ("*.py", "*.j2")
        for file in (ROOT / package).rglob(kind)
        if file.name not in {"hashes.py", "owner_token.py", "stored_names.py"}  # cookies, folders
    ]
    cuts = [
        f"{file.relative_to(ROOT)}: {found.group()}"
        for file in files
        for found in CUT.finditer(file.read_text(encoding="utf-8"))
    ]
    assert not cuts

"""The plan of the demo's image search: 600 candidates, what is wrong with each, and the truth.

Nothing of the truth can be read from what the server shows: addresses are hashes, titles and
queries are what a search would give.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import MappingProxyType

import numpy as np

from flows.demo.bay import SPLIT_SIZES, TEST, TRAIN, Photo
from flows.demo.drawing.animals import CLASSES, UNKNOWN
from flows.demo.sample_licences import Licence, choose_licence

QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "barrel": "barrel jellyfish",
        "compass": "compass jellyfish",
        "lions_mane": "lion's mane jellyfish",
        "moon": "moon jellyfish",
    }
)
RIGHT_QUERY_SHARE = 0.85
GALLERY = "gallery"

# How many candidates there are of every trouble; "" is a good new photograph.
TROUBLES: Mapping[str, int] = MappingProxyType(
    {
        "": 300,
        "rate_limited": 8,
        "slow": 10,
        "redirect": 10,
        "noai": 12,
        "exact_copy": 20,
        "resized": 16,
        "recompressed": 16,
        "cropped": 16,
        "mirrored": 16,
        "test_resized": 8,
        "test_recompressed": 8,
        "test_mirrored": 8,
        "unknown_kind": 84,
        "blank": 12,
        "tiny": 12,
        "truncated": 14,
        "html": 14,
        "missing": 16,
    }
)
NEW_ANIMALS = frozenset({"", "rate_limited", "slow", "redirect", "noai"})
COPIES = frozenset({"exact_copy", "resized", "recompressed", "cropped", "mirrored"})
TEST_COPIES = frozenset({"test_resized", "test_recompressed", "test_mirrored"})
WITHOUT_PHOTO = frozenset({"blank", "tiny", "html", "missing"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One search result and the truth about it.

    Attributes:
        path: of the image's URL, the same in every run.
        query: the search that lists it.
        truth: the true class, or empty where it shows none of the bay's classes.
        trouble: a key of `TROUBLES`.
        origin: the photograph it shows, or that it is a copy of; None where it shows none.
        page: path of its landing page.
        title, creator, licence: what the search says of it.
    """

    path: str
    query: str
    truth: str
    trouble: str
    origin: Photo | None
    page: str
    title: str
    creator: str
    licence: Licence


def plan_gallery(seed: int = 0) -> tuple[Candidate, ...]:
    """All candidates, shuffled; the same seed gives the same plan."""
    rng = np.random.default_rng((seed, 77))
    planned = [
        (trouble, number) for trouble, wanted in TROUBLES.items() for number in range(wanted)
    ]
    photos = _Photos(rng)
    shown = [(trouble, photos.choose(trouble, number)) for trouble, number in planned]
    order = rng.permutation(len(shown))
    return tuple(
        _create_candidate(rng, seed, place, *shown[index]) for place, index in enumerate(order)
    )


def write_truth(candidates: Iterable[Candidate], base_url: str, file: Path) -> None:
    """Write the truth table as CSV: url, true class or empty, trouble."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("url", "class", "trouble"))
        for candidate in candidates:
            writer.writerow((base_url + candidate.path, candidate.truth, candidate.trouble))


class _Photos:
    """Deals out what the candidates show, in the order of `TROUBLES`: good photographs first."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._new = count()
        self._copied: set[Photo] = set()

    def choose(self, trouble: str, number: int) -> Photo | None:
        if trouble in WITHOUT_PHOTO:
            return None
        if trouble == "unknown_kind":
            return Photo(GALLERY, tuple(UNKNOWN)[number % len(UNKNOWN)], number)
        if trouble in COPIES:
            return self._choose_copied_photo(GALLERY if number % 2 else TRAIN)
        if trouble in TEST_COPIES:
            return self._choose_copied_photo(TEST)
        return _create_photo(next(self._new))

    def _choose_copied_photo(self, place: str) -> Photo:
        """Choose a photograph of the place that has no copy yet."""
        photo = self._choose_any_photo(place)
        while photo in self._copied:
            photo = self._choose_any_photo(place)
        self._copied.add(photo)
        return photo

    def _choose_any_photo(self, place: str) -> Photo:
        if place == GALLERY:
            return _create_photo(int(self._rng.integers(TROUBLES[""])))
        kind = CLASSES[int(self._rng.integers(len(CLASSES)))]
        return Photo(place, kind, int(self._rng.integers(SPLIT_SIZES[place])))


def _create_photo(number: int) -> Photo:
    return Photo(GALLERY, CLASSES[number % len(CLASSES)], number)


def _create_candidate(
    rng: np.random.Generator, seed: int, place: int, trouble: str, origin: Photo | None
) -> Candidate:
    name = hashlib.sha256(f"bay {seed} candidate {place}".encode()).hexdigest()
    truth = origin.kind if origin is not None and origin.kind in CLASSES else ""
    query = _query(rng, truth)
    return Candidate(
        path=f"/images/{name[:2]}/{name[2:14]}.jpg",
        query=query,
        truth=truth if trouble != "truncated" else "",
        trouble=trouble,
        origin=origin,
        page=f"/photo/{place}",
        title=f"{query}, dive {int(rng.integers(1, 90))}",
        creator=f"diver {int(rng.integers(1, 40))}",
        licence=choose_licence(rng),
    )


def _query(rng: np.random.Generator, truth: str) -> str:
    if truth and rng.random() < RIGHT_QUERY_SHARE:
        return QUERIES[truth]
    others = [query for kind, query in QUERIES.items() if kind != truth]
    return others[int(rng.integers(len(others)))]

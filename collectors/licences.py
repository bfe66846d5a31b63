"""Read licences, and decide which of them a collection accepts.

Providers spell licences in many ways: ``cc-by-4.0`` (iNaturalist, Wikimedia Commons), ``by``
and a version beside it (Openverse), ``CC BY-SA 3.0``, ``CC_BY_NC_4_0`` (GBIF),
``Attribution-ShareAlike License`` (Flickr), or a URL of creativecommons.org. The registry keeps
the provider's text; this module reads it.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from collectors.outcomes import Outcome
from data_registry.images.records import Source

StatedLicence = Literal[
    "CC0", "PDM", "BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND", "other"
]

UNKNOWN = "unknown"  # the provider states nothing
OTHER = "other"  # it states another licence, or contradicts itself

_ELEMENTS = ("by", "nc", "nd", "sa")  # in the order of the licences' names
_NAMES = frozenset(get_args(StatedLicence))
_NOTHING_SAID = frozenset({"", "unknown", "unspecified", "not-specified", "none", "n-a", "null"})
_URL = re.compile(
    r"creativecommons\.org/(?:licenses|publicdomain)/([a-z+-]+)(?:/(\d+(?:\.\d+)?))?", re.IGNORECASE
)
_PARTS = r"(?:by|nc|nd|sa)(?:-(?:by|nc|nd|sa))*"
_VERSION = r"(?:-?v?(\d+[.-]\d+))?(?![\d.]*\w)"
_NAMED = re.compile(rf"\bcc-?({_PARTS}|0|zero|pdm?)\b{_VERSION}")
_BARE = re.compile(rf"({_PARTS}|pdm?){_VERSION}")
_PUBLIC_DOMAIN = re.compile(r"(?:public-domain\b(?!-dedication)|pd(?:-|$))")
_SPELT_OUT = (
    (re.compile(r"creative-commons"), "cc"),
    (re.compile(r"attribution"), "by"),
    (re.compile(r"non-?commercial"), "nc"),
    (re.compile(r"no-?deriv(?:ative)?s?(?:-works?)?"), "nd"),
    (re.compile(r"share-?alike"), "sa"),
)
# Wikimedia's "Attribution" alone is a licence of its own, not Creative Commons' BY.
_IS_SPELT_OUT = re.compile(r"creative-commons|non-?commercial|no-?deriv|share-?alike")
_RESTRICTION = re.compile(r"\b(?:nc|nd|sa)\b|all-rights-reserved")
_PUBLIC = frozenset({"CC0", "PDM"})


@dataclass(frozen=True)
class Licence:
    """A licence by its Creative Commons name.

    Attributes:
        name: ``CC0``, ``PDM`` (public domain), ``BY``, ``BY-SA``, ``BY-NC``, ``BY-ND``,
            ``BY-NC-SA``, ``BY-NC-ND``, ``other`` or ``unknown``.
        version: such as ``4.0``; empty where none is stated.
    """

    name: str
    version: str = ""

    def __str__(self) -> str:
        prefix = "CC " if self.name.startswith("BY") else ""
        return f"{prefix}{self.name} {self.version}".rstrip()


def parse_licence(text: str, url: str = "") -> Licence:
    """Parse the licence that a provider states for an image.

    Args:
        text: the licence's name.
        url: the licence's page. It decides if the text names no licence of Creative Commons;
            if both do and differ, the licence is ``other``.
    """
    said, linked = _parse_text(text), _parse_url(url)
    if linked is None:
        return Licence(OTHER) if said.name == UNKNOWN and url.strip() else said
    if said.name == linked.name:
        return said if said.version else linked
    if said.name == UNKNOWN or {said.name, linked.name} == _PUBLIC:
        return linked
    is_another = said.name != OTHER or _RESTRICTION.search(_normalise_text(text))
    return Licence(OTHER) if is_another else linked


def _parse_text(text: str) -> Licence:
    if linked := _parse_url(text):
        return linked
    plain = _normalise_text(text)
    if plain in _NOTHING_SAID:
        return Licence(UNKNOWN)
    if bare := _BARE.fullmatch(plain):
        return _build_licence(bare[1], bare[2] or "")
    found = {_build_licence(*match) for match in _NAMED.findall(plain)}
    if _RESTRICTION.search(_NAMED.sub("", plain)):
        return Licence(OTHER)  # "CC BY 4.0, NC" must not be taken for BY
    if not found and _PUBLIC_DOMAIN.match(plain):
        return Licence("PDM")
    return _combine_licences(found)


def _normalise_text(text: str) -> str:
    """Convert to lower case, separators to hyphens, and long forms to short ones."""
    plain = re.sub(r"[\s_()\[\],;+/\u2010-\u2015-]+", "-", text.lower()).strip("-.")
    if _IS_SPELT_OUT.search(plain):
        for words, short in _SPELT_OUT:
            plain = words.sub(short, plain)
        plain = plain if plain.startswith("cc") else f"cc-{plain}"
    return plain


def _combine_licences(found: set[Licence]) -> Licence:
    """Return the newest version of one licence; several licences are ``other``."""
    if len({licence.name for licence in found}) != 1:
        return Licence(OTHER)
    return max(found, key=lambda licence: licence.version)


def _parse_url(url: str) -> Licence | None:
    found = {_build_licence(parts.lower(), version) for parts, version in _URL.findall(url)}
    return _combine_licences(found) if found else None


def _build_licence(parts: str, version: str) -> Licence:
    version = version.replace("-", ".")
    if parts in ("0", "zero"):
        return Licence("CC0", version)
    if parts in ("mark", "pd", "pdm", "publicdomain"):
        return Licence("PDM", version)
    stated = set(parts.strip("-").split("-"))
    name = "-".join(part for part in _ELEMENTS if part in stated).upper()
    return Licence(name, version) if name in _NAMES and stated <= {*_ELEMENTS} else Licence(OTHER)


@dataclass(frozen=True)
class LicenceRule:
    """Which images a collection accepts, by their licence.

    Attributes:
        allowed: names of licences, see `Licence`; empty: every licence that is stated.
        allow_unknown: whether images without a stated licence are accepted.
    """

    allowed: tuple[str, ...] = ()
    allow_unknown: bool = True

    def find_refusal(self, source: Source) -> Outcome | None:
        """Return the outcome of a candidate that is refused; None if it is accepted."""
        name = parse_licence(source.licence, source.licence_url).name
        if name == UNKNOWN:
            return None if self.allow_unknown else Outcome.UNKNOWN_LICENCE
        return Outcome.REFUSED_LICENCE if self.allowed and name not in self.allowed else None

    def explain_refusal(self, source: Source) -> str:
        """Explain why a candidate is refused: its stated licence and the allowed ones."""
        licence = parse_licence(source.licence, source.licence_url)
        stated = source.licence or source.licence_url or "nothing"
        return f"{licence} (stated: {stated}); allowed: {', '.join(self.allowed) or 'any stated'}"

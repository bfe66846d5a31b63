"""What search engines' result pages state beside an image's address.

icrawler's parsers find addresses alone, cut them off behind ``.jpg`` and miss other formats; the
same pages name the whole address, the page that shows the image, and its size. None of it is
documented, so that a page of another shape states nothing and is no error.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

# [url,height,width], and before the next such list "2003":[null,reference,page,title,…]
_GOOGLE = re.compile(
    r'\["(http[^"]{1,4000})",(\d{1,9}),(\d{1,9})\](?:(?!\["http).){0,2000}?'
    r'"2003":\[null,"[^"]{0,4000}","(http[^"]{1,4000})"',
    re.DOTALL,
)
_MOST_RESULTS = 2000  # of a page; the engines give some hundred
_ADDRESS = re.compile(r'https?://[^\s"<>\\]+')


@dataclass(frozen=True)
class StatedFacts:
    """What a result page states of an image.

    Attributes:
        page_url: the page that shows it; may be empty.
        width, height: in pixels; 0 where nothing is stated.
    """

    page_url: str = ""
    width: int = 0
    height: int = 0


Results = Mapping[str, StatedFacts]  # by the image's URL


def complete_addresses(found: Iterable[str], stated: Results) -> list[str]:
    """Addresses as the page states them, each once; what is no address is left out.

    Args:
        found: by icrawler's parser, perhaps cut off, or with something of the page behind it.
        stated: by the page; images that the parser missed come last.
    """
    stated = dict(islice(stated.items(), _MOST_RESULTS))
    whole = (_complete_address(url, stated) for url in islice(found, _MOST_RESULTS))
    return [url for url in dict.fromkeys([*whole, *stated]) if _ADDRESS.fullmatch(url)]


def _complete_address(url: str, stated: Results) -> str:
    if url in stated:
        return url
    return next((each for each in stated if each.startswith(url)), url)


def read_bing_page(page: bytes) -> Results:
    """Each result has its facts as JSON in an attribute: murl the image, purl its page."""
    from bs4 import BeautifulSoup

    links = BeautifulSoup(page, "lxml").find_all("a", attrs={"m": True})
    facts = [_parse_json(str(link["m"])) for link in links]
    return {
        _get_text(each, "murl"): StatedFacts(_get_text(each, "purl"))
        for each in facts
        if _get_text(each, "murl")
    }


def read_google_page(page: bytes) -> Results:
    """Results are nested lists in a script."""
    return {
        _unescape(url): StatedFacts(_unescape(page_url), int(width), int(height))
        for url, height, width, page_url in _GOOGLE.findall(page.decode("utf-8", "ignore"))
    }


def read_baidu_page(page: bytes, decoded: Callable[[str], str]) -> Results:
    """The whole page is JSON: objURL the image, fromURL its page.

    Args:
        page: its bytes.
        decoded: undoes how Baidu writes addresses; some stand there as they are.
    """

    def read_address(item: Mapping[str, Any], key: str) -> str:
        text = _get_text(item, key)
        return text if text.startswith("http") else decoded(text)

    found = _parse_json(page.decode("utf-8", "ignore").replace("\\'", "'")).get("data")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return {
        read_address(item, "objURL"): StatedFacts(
            read_address(item, "fromURL"), _get_pixels(item, "width"), _get_pixels(item, "height")
        )
        for item in items
        if _get_text(item, "objURL")
    }


def _parse_json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _get_text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def _get_pixels(facts: Mapping[str, Any], key: str) -> int:
    value = facts.get(key)
    return value if type(value) is int and value > 0 else 0


def _unescape(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text

"""Read the facts that search engines' result pages state about images.

icrawler's parsers find addresses only, cut them off after ``.jpg`` and miss other formats; the same
pages state the whole address, the page with the image, and its size. None of it is documented, so a
page of another form states nothing and is no error.
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
_MOST_RESULTS = 2000  # of a page; the engines return some hundred
_ADDRESS = re.compile(r'https?://[^\s"<>\\]+')


@dataclass(frozen=True)
class StatedFacts:
    """The facts of an image on a result page.

    Attributes:
        page_url: the page with the image; may be empty.
        width, height: in pixels; 0 if not stated.
    """

    page_url: str = ""
    width: int = 0
    height: int = 0


Results = Mapping[str, StatedFacts]  # by the image's URL


def complete_addresses(parsed: Iterable[str], stated: Results) -> list[str]:
    """Complete addresses as the page states them, each once; leave out what is no address.

    Args:
        parsed: by icrawler's parser, perhaps cut off, or followed by other text of the page.
        stated: by the page; images that the parser missed come last.
    """
    stated = dict(islice(stated.items(), _MOST_RESULTS))
    whole = (_complete_address(url, stated) for url in islice(parsed, _MOST_RESULTS))
    return [url for url in dict.fromkeys([*whole, *stated]) if _ADDRESS.fullmatch(url)]


def _complete_address(url: str, stated: Results) -> str:
    if url in stated:
        return url
    return next((each for each in stated if each.startswith(url)), url)


def read_bing_page(page: bytes) -> Results:
    """Read Bing's results: JSON in an attribute, with murl the image and purl its page."""
    from bs4 import BeautifulSoup

    links = BeautifulSoup(page, "lxml").find_all("a", attrs={"m": True})
    facts = [_parse_json(str(link["m"])) for link in links]
    return {
        _get_text(each, "murl"): StatedFacts(_get_text(each, "purl"))
        for each in facts
        if _get_text(each, "murl")
    }


def read_google_page(page: bytes) -> Results:
    """Read Google's results: nested lists in a script."""
    return {
        _unescape(url): StatedFacts(_unescape(page_url), int(width), int(height))
        for url, height, width, page_url in _GOOGLE.findall(page.decode("utf-8", "ignore"))
    }


def read_baidu_page(page: bytes, decode: Callable[[str], str]) -> Results:
    """Read Baidu's results: JSON, with objURL the image and fromURL its page.

    Args:
        page: its bytes.
        decode: decodes Baidu's spelling of addresses; some are plain.
    """

    def read_address(result: Mapping[str, Any], key: str) -> str:
        text = _get_text(result, key)
        return text if text.startswith("http") else decode(text)

    data = _parse_json(page.decode("utf-8", "ignore").replace("\\'", "'")).get("data")
    results = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    return {
        read_address(each, "objURL"): StatedFacts(
            read_address(each, "fromURL"), _get_pixels(each, "width"), _get_pixels(each, "height")
        )
        for each in results
        if _get_text(each, "objURL")
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

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.exceptions import InvalidURL

from collectors.fetch.http_rules import (
    encode_url,
    explain_url_refusal,
    find_refused_directive,
    join_url,
    parse_retry_after,
)

REFUSED = frozenset({"noai", "noimageai", "noindex"})


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "scheme"),
        ("ftp://host/a.jpg", "scheme"),
        ("data:image/png;base64,AAAA", "scheme"),
        ("a.jpg", "scheme"),
        ("", "scheme"),
        ("http://user:secret@host/a.jpg", "password"),
        ("http://user@host/a.jpg", "password"),
        ("http:///a.jpg", "no host"),
        ("http://host:99999/a.jpg", "malformed"),
        ("http://[::1/a.jpg", "malformed"),
    ],
)
def test_urls_that_are_not_fetched_say_why(url: str, reason: str) -> None:
    refusal = explain_url_refusal(url)
    assert reason in refusal
    assert "secret" not in refusal


@pytest.mark.parametrize(
    "url", ["http://host/a.jpg", "HTTPS://host:8443/a?b=c@d", "http://[::1]/a"]
)
def test_plain_urls_are_fetched(url: str) -> None:
    assert explain_url_refusal(url) == ""


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    joined = join_url("http://host/page", text)
    assert explain_url_refusal(text) or text.lower().lstrip().startswith("http")
    assert isinstance(explain_url_refusal(joined), str)


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert parse_retry_after("7") == 7
    assert parse_retry_after(" 0 ") == 0
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds = parse_retry_after(later)
    assert seconds is not None
    assert 3000 < seconds <= 3600
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "²", "Wed, 99 Oct 2015 07:28:00"])
def test_retry_after_without_sense_is_none(value: str | None) -> None:
    assert parse_retry_after(value) is None


def test_an_endless_retry_after_is_a_long_time() -> None:
    assert (parse_retry_after("9" * 5000) or 0) > 10**8


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["noai"], "noai"),
        (["nofollow, NoImageAI"], "noimageai"),
        (["nofollow", "noindex"], "noindex"),
        (["ephyra: noai"], "noai"),
        (["*: noindex"], "noindex"),
        (["unavailable_after: 25 Jun 2030, noindex"], "noindex"),
        (["otherbot: noindex, noai"], ""),
        (["otherbot: noindex", "noai"], "noai"),
        (["nofollow, max-snippet: 20"], ""),
        ([], ""),
    ],
)
def test_robots_directives(lines: list[str], found: str) -> None:
    assert find_refused_directive(lines, REFUSED) == found


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://host:80/a.jpg?b=c%20d", "http://host:80/a.jpg?b=c%20d"),
        ("http://b\u00fccher.example/\u00e9 1.jpg", "http://xn--bcher-kva.example/%C3%A9%201.jpg"),
        ("  HTTP://host/a b", "http://host/a%20b"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
    ],
)
def test_urls_are_spelt_out(url: str, sent: str) -> None:
    assert encode_url(url) == sent


@pytest.mark.parametrize(
    "url", ["http://*.example/a", "http://.example/a", "http://\u2603.\u2603..x/"]
)
def test_no_host_has_such_a_name(url: str) -> None:
    with pytest.raises(InvalidURL):
        encode_url(url)

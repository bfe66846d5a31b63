"""The gallery over real HTTP on the loopback address."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from flows.demo.bay import Bay
from flows.demo.drawing.bodies import Bodies
from flows.demo.server import PAGE_SIZE, SLOW_SECONDS, GalleryServer
from flows.demo.web_gallery import QUERIES, Candidate

BAY = Bay(0)


@pytest.fixture(scope="module")
def gallery() -> Iterator[GalleryServer]:
    with GalleryServer(BAY) as server:
        yield server


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def of(gallery: GalleryServer, trouble: str, number: int = 0) -> Candidate:
    return [c for c in gallery.candidates if c.trouble == trouble][number]


def pages(gallery: GalleryServer, session: requests.Session, query: str) -> Iterator[Any]:
    answer = session.get(gallery.url + "/search", params={"q": query, "page": 1}, timeout=30)
    page = answer.json()
    yield page
    while page["next"]:
        page = session.get(gallery.url + page["next"], timeout=30).json()
        yield page


def test_a_search_lists_its_candidates_page_by_page(
    gallery: GalleryServer, session: requests.Session
) -> None:
    query = QUERIES["lions_mane"]
    found = list(pages(gallery, session, query))
    wanted = [c.path for c in gallery.candidates if c.query == query]
    assert [page["page"] for page in found] == list(range(1, len(found) + 1))
    assert {page["total"] for page in found} == {len(wanted)}
    assert all(len(page["results"]) == PAGE_SIZE for page in found[:-1])
    assert [result["url"] for page in found for result in page["results"]] == wanted
    assert "" in {result["licence"] for page in found for result in page["results"]}


def test_a_result_states_the_size_of_its_image(
    gallery: GalleryServer, session: requests.Session
) -> None:
    (first, *_) = pages(gallery, session, QUERIES["moon"])
    for result in first["results"]:
        assert set(result) == {
            "url", "page_url", "licence", "licence_url", "creator", "title", "width", "height",
        }  # fmt: skip
        assert result["width"] >= 0


def test_an_unknown_query_finds_nothing(gallery: GalleryServer, session: requests.Session) -> None:
    (page,) = pages(gallery, session, "sea cucumber")
    assert (page["total"], page["results"], page["next"]) == (0, [], None)


def test_a_page_number_that_makes_no_sense_is_refused(
    gallery: GalleryServer, session: requests.Session
) -> None:
    for number in ("0", "-1", "two"):
        address = f"{gallery.url}/search?q=moon&page={number}"
        assert session.get(address, timeout=30).status_code == 400


def test_a_good_image_has_its_planned_bytes(
    gallery: GalleryServer, session: requests.Session
) -> None:
    candidate = of(gallery, "")
    answer = session.get(gallery.url + candidate.path, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.content == Bodies(BAY).of(candidate)


def test_html_comes_under_an_image_name(gallery: GalleryServer, session: requests.Session) -> None:
    answer = session.get(gallery.url + of(gallery, "html").path, timeout=30)
    assert answer.url.endswith(".jpg")
    assert answer.content.startswith(b"<!doctype html>")


def test_missing_images_are_missing(gallery: GalleryServer, session: requests.Session) -> None:
    candidate = of(gallery, "missing")
    assert session.get(gallery.url + candidate.path, timeout=30).status_code == 404
    assert session.get(gallery.url + "/images/none.jpg", timeout=30).status_code == 404
    assert session.get(gallery.url + "/photo/600", timeout=30).status_code == 404
    assert session.get(gallery.url + "/moved" + of(gallery, "").path, timeout=30).status_code == 404


def test_a_rate_limited_image_comes_after_the_wait(
    gallery: GalleryServer, session: requests.Session
) -> None:
    address = gallery.url + of(gallery, "rate_limited").path
    first = session.get(address, timeout=30)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    time.sleep(float(first.headers["Retry-After"]))
    assert session.get(address, timeout=30).status_code == 200


def test_a_redirect_leads_to_the_image(gallery: GalleryServer, session: requests.Session) -> None:
    candidate = of(gallery, "redirect")
    answer = session.get(gallery.url + candidate.path, timeout=30)
    assert [step.status_code for step in answer.history] == [302]
    assert answer.content == Bodies(BAY).of(candidate)


def test_a_slow_image_keeps_its_client_waiting(
    gallery: GalleryServer, session: requests.Session
) -> None:
    address = gallery.url + of(gallery, "slow").path
    with pytest.raises(requests.exceptions.ReadTimeout):
        session.get(address, timeout=SLOW_SECONDS / 3)
    assert session.get(address, timeout=30).status_code == 200


def test_refusals_are_in_the_header(gallery: GalleryServer, session: requests.Session) -> None:
    answer = session.get(gallery.url + of(gallery, "noai").path, timeout=30)
    assert answer.headers["X-Robots-Tag"] == "noai"
    plain = session.get(gallery.url + of(gallery, "", 1).path, timeout=30)
    assert "X-Robots-Tag" not in plain.headers


def test_a_landing_page_shows_its_image(gallery: GalleryServer, session: requests.Session) -> None:
    candidate = of(gallery, "", 2)
    page = session.get(gallery.url + candidate.page, timeout=30)
    assert page.headers["Content-Type"].startswith("text/html")
    assert candidate.path in page.text


def test_robots_may_come_in(gallery: GalleryServer, session: requests.Session) -> None:
    assert "Allow: /" in session.get(gallery.url + "/robots.txt", timeout=30).text


def test_the_end_leaves_no_thread_and_closes_kept_connections() -> None:
    before = threading.active_count()
    with requests.Session() as session:
        session.trust_env = False
        with GalleryServer(BAY) as server:
            assert session.get(server.url + "/robots.txt", timeout=30).status_code == 200
        assert threading.active_count() == before
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(server.url + "/robots.txt", timeout=30)

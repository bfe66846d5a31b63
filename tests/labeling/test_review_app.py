"""The review app: questions, answers, and what another site's page may not do."""

import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi.testclient import TestClient
from labelled_pictures import Bay, jpeg
from playwright.sync_api import sync_playwright

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.resolve import current_annotations
from labeling.answer_file import NONE
from labeling.audit import draw_audit
from labeling.review_app.app import ReviewSite, create_app

CLASSES = ("blue", "Red Sea")
TEACHER = "t" * 64
LOCAL = "http://127.0.0.1"


@dataclass
class Told:
    """How often somebody was told of answers."""

    count: int = 0
    words: list[str] = field(default_factory=list)

    def __call__(self) -> str:
        self.count += 1
        return f"asked for retrain, time {self.count}"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def names(bay: Bay) -> list[str]:
    """Three images for review, two accepted."""
    names = bay.collect([jpeg("blue", seed) for seed in range(500, 505)])
    verdicts = [
        ("review", 0.8),
        ("review", 0.4),
        ("review", 0.6),
        ("accepted", 0.99),
        ("accepted", 0.97),
    ]
    bay.decide(TEACHER, dict(zip(names, verdicts, strict=True)))
    return names


def site_of(bay: Bay, told: Told, after: int = 2) -> ReviewSite:
    def opened() -> AbstractContextManager[Registry]:
        return nullcontext(bay.registry)

    def report(path: str) -> bytes:
        if path != "v1/report.html":
            raise InputError("there is no such report")
        return b"<h1>the report</h1>"

    return ReviewSite("A <small> bay", opened, CLASSES, "Ada", told, after, report)


@pytest.fixture
def client(bay: Bay, names: list[str], told: Told) -> Iterator[TestClient]:
    with TestClient(create_app(site_of(bay, told)), base_url=LOCAL) as client:
        yield client


def answers_of(bay: Bay) -> dict[str, tuple[str, str, str]]:
    rows = current_annotations(bay.registry)
    columns = ["class_name", "person", "purpose"]
    return dict(zip(rows["sha256"], rows[columns].itertuples(index=False, name=None), strict=True))


def test_the_least_sure_is_asked_first_with_its_picture(
    client: TestClient, names: list[str]
) -> None:
    page = client.get("/").text
    assert "3 images wait" in page
    assert "A &lt;small&gt; bay" in page
    assert f"/image/{names[1]}" in page
    assert re.findall(r'name="answer" value="([^"]+)"', page) == [*CLASSES, NONE]
    picture = client.get(f"/image/{names[1]}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")


def test_answers_are_kept_and_told_of(
    client: TestClient, bay: Bay, names: list[str], told: Told
) -> None:
    first = client.post("/answer", data={"sha256": names[1], "answer": "Red Sea"})
    assert "2 images wait" in first.text
    assert told.count == 0
    second = client.post("/answer", data={"sha256": names[2], "answer": "none"})
    assert "asked for retrain, time 1" in second.text
    last = client.post("/answer", data={"sha256": names[0], "answer": "blue"})
    assert "asked for retrain, time 2" in last.text  # nothing waits any more
    assert "Nothing waits" in last.text
    assert answers_of(bay) == {
        names[1]: ("Red Sea", "Ada", "review"),
        names[2]: ("", "Ada", "review"),
        names[0]: ("blue", "Ada", "review"),
    }
    assert "time 3" in client.post("/retrain").text


def test_an_audit_is_blind(client: TestClient, bay: Bay, names: list[str]) -> None:
    draw_audit(bay.registry, 2)
    page = client.get("/").text
    assert "audit: 0 of 2 answered" in page
    assert "The teacher thinks" not in page
    assert "suggested" not in page.split("</style>")[1]
    (asked,) = re.findall(r'name="sha256" value="([^"]+)"', page)
    client.post("/answer", data={"sha256": asked, "answer": "blue"})
    assert answers_of(bay)[asked] == ("blue", "Ada", "audit")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"answer": "green"}, "is no class"),
        ({"answer": "blue", "sha256": "0" * 64}, "does not wait"),
    ],
)
def test_what_does_not_fit_is_refused(
    client: TestClient, bay: Bay, names: list[str], data: dict[str, str], named: str
) -> None:
    said = client.post("/answer", data={"sha256": names[1], **data})
    assert named in said.text
    assert answers_of(bay) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_may_not_answer(
    client: TestClient, bay: Bay, names: list[str], headers: dict[str, str]
) -> None:
    said = client.post("/answer", data={"sha256": names[1], "answer": "blue"}, headers=headers)
    assert said.status_code == 403
    assert answers_of(bay) == {}


def test_only_this_machine_is_answered(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 400


def test_nothing_may_be_loaded_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/").headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_reports_and_what_is_not_there(client: TestClient) -> None:
    assert "the report" in client.get("/reports/v1/report.html").text
    assert client.get("/reports/..%2fregistry.db").status_code == 404
    assert client.get("/image/no-such-image").status_code == 404


@pytest.mark.browser
def test_a_digit_answers(bay: Bay, names: list[str], told: Told, chromium: str) -> None:
    server = uvicorn.Server(
        uvicorn.Config(create_app(site_of(bay, told)), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            for digit, left in (("2", "2 images wait"), ("0", "1 image waits")):
                page.keyboard.press(digit)
                page.get_by_text(left).wait_for()
            page.get_by_role("button", name="blue").click()
            page.get_by_text("Nothing waits").wait_for()
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
    assert [said[0] for said in answers_of(bay).values()].count("Red Sea") == 1
    assert len(answers_of(bay)) == 3

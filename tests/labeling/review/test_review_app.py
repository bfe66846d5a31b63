"""The review app: questions, answers, and what another site's page may not do."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from labelled_pictures import Bay, jpeg
from local_servers import served
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from data_registry.errors import InputError
from data_registry.labels.class_resolution import load_current_annotations
from data_registry.labels.class_words import NONE
from data_registry.registry import Registry
from labeling.audit.audit import draw_audit
from labeling.review.review_app.app import ReviewSite, create_app
from labeling.review.site_security.owner_token import build_start_address

CLASSES = ("blue", "Red Sea")
TEACHER = "t" * 64
LOCAL = "http://127.0.0.1"
TOKEN = "only-the-owner-knows-this"
# Answers every waiting image as "blue", from wherever it runs.
FORGERY = (
    "fetch('/').then(page=>page.text()).then(text=>fetch('/answer',{method:'POST',"
    "body:new URLSearchParams({sha256:text.match(/[0-9a-f]{64}/)[0],answer:'blue'})}))"
)


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
        if path == "v1/forged.html":
            return f"<h1>a report</h1><script>{FORGERY}</script>".encode()
        if path != "v1/report.html":
            raise InputError(f"{path} is no report")
        return b"<h1>the report</h1><script>document.title='moved'</script>"

    scripts = ["document.title='moved'"]
    return ReviewSite(
        project="A <small> bay",
        open_registry=opened,
        class_names=CLASSES,
        person="Ada",
        on_answers=told,
        after=after,
        report=report,
        token=TOKEN,
        report_scripts=scripts,
    )


@pytest.fixture
def client(bay: Bay, names: list[str], told: Told) -> Iterator[TestClient]:
    with TestClient(create_app(site_of(bay, told)), base_url=LOCAL) as client:
        client.get(build_start_address("", TOKEN))
        yield client


def answers_of(bay: Bay) -> dict[str, tuple[str, str, str]]:
    rows = load_current_annotations(bay.registry)
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


def test_an_image_with_two_labels_is_asked_with_both(
    client: TestClient, bay: Bay, tmp_path: Path
) -> None:
    twofold = bay.label_twice(tmp_path / "twice", jpeg("red", 1))
    page = client.get("/").text
    assert f"/image/{twofold}" in page
    assert "Imported under 2 classes: blue, red. It is in no version until you decide." in page
    assert "The teacher thinks" not in page
    client.post("/answer", data={"sha256": twofold, "answer": "blue"})
    assert answers_of(bay)[twofold] == ("blue", "Ada", "review")
    assert f"/image/{twofold}" not in client.get("/").text


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
    report = client.get("/reports/v1/report.html")
    assert "the report" in report.text
    assert report.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'sha256-" in report.headers["content-security-policy"]
    assert client.get("/reports/..%2fregistry.db").status_code == 404
    assert client.get("/image/no-such-image").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/reports/%3Cscript%3Ealert(1)%3C%2fscript%3E%2f..%2fx",
        "/reports/%3Cscript%3Ealert(1)%3C%2fscript%3E.html",
        "/reports/x%00",
        "/reports/x%00.html",
        "/reports/",
        "/image/%00",
        "/image/%3Cscript%3E",
        f"/image/{'0' * 64}",
        f"/image/{'0' * 63}%0a",
        "/%3Cscript%3E",
    ],
)
def test_what_is_not_there_is_said_without_repeating_the_path(
    client: TestClient, bay: Bay, path: str
) -> None:
    said = client.get(path)
    assert said.status_code == 404
    assert said.headers["content-type"] == "text/plain; charset=utf-8"
    assert said.text.startswith("404: ")
    assert "script" not in said.text
    assert str(bay.registry.files.root) not in said.text


def test_nobody_answers_without_the_start_address(bay: Bay, names: list[str], told: Told) -> None:
    with TestClient(create_app(site_of(bay, told)), base_url=LOCAL) as stranger:
        for path in ("/", f"/image/{names[1]}", "/reports/v1/report.html", "/keys.js"):
            assert stranger.get(path).status_code == 403
        given = {"sha256": names[1], "answer": "blue"}
        assert stranger.post("/answer", data=given).status_code == 403
        assert stranger.post("/retrain").status_code == 403
    assert (answers_of(bay), told.count) == ({}, 0)


def test_a_link_puts_no_words_into_the_page(client: TestClient) -> None:
    assert "send your token" not in client.get("/?told=send+your+token").text


def test_an_incomplete_form_is_refused_in_plain_text(client: TestClient, bay: Bay) -> None:
    said = client.post("/answer", data={"sha256": "<script>"})
    assert (said.status_code, "script" in said.text) == (422, False)
    assert said.headers["content-type"] == "text/plain; charset=utf-8"
    assert answers_of(bay) == {}


@contextmanager
def opened_in_chromium(
    bay: Bay, told: Told, chromium: str, bypass_csp: bool = False
) -> Iterator[tuple[str, Page]]:
    """Open the site in a browser as its owner; yield its address and the page."""
    with served(create_app(site_of(bay, told))) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(bypass_csp=bypass_csp)
        page.goto(build_start_address(site, TOKEN))
        yield site, page
        browser.close()


@pytest.mark.browser
def test_a_digit_answers(bay: Bay, names: list[str], told: Told, chromium: str) -> None:
    with opened_in_chromium(bay, told, chromium) as (site, page):
        assert page.url == f"{site}/"
        for digit, left in (("2", "2 images wait"), ("0", "1 image waits")):
            page.keyboard.press(digit)
            page.get_by_text(left).wait_for()
        page.get_by_role("button", name="blue").click()
        page.get_by_text("Nothing waits").wait_for()
    assert [said[0] for said in answers_of(bay).values()].count("Red Sea") == 1
    assert len(answers_of(bay)) == 3


@pytest.mark.browser
def test_no_script_of_an_address_answers_an_audit(
    bay: Bay, names: list[str], told: Told, chromium: str
) -> None:
    """Not even in a browser that knows no Content-Security-Policy."""
    draw_audit(bay.registry, 2)
    script = f"<script>{FORGERY.replace('/', '%2f')}<%2fscript>"
    addresses = [
        f"/reports/{script}%2f..%2fx",
        f"/reports/{script}",
        f"/reports/{script}.html",
        f"/image/{script}",
        f"/{script}",
        f"/?told={script}",
        f"/?token={script}",
    ]
    with opened_in_chromium(bay, told, chromium, bypass_csp=True) as (site, page):
        for address in addresses:
            page.goto(f"{site}{address}")
            page.wait_for_load_state("networkidle")
    assert answers_of(bay) == {}


@pytest.mark.browser
@pytest.mark.parametrize("bypass_csp", [False, True])
def test_the_policy_keeps_a_forged_report_from_answering(
    bay: Bay, names: list[str], told: Told, chromium: str, bypass_csp: bool
) -> None:
    with opened_in_chromium(bay, told, chromium, bypass_csp) as (site, page):
        page.goto(f"{site}/reports/v1/forged.html")
        page.wait_for_load_state("networkidle")
        page.goto(f"{site}/reports/v1/report.html")
        assert page.title() == "moved"  # a report's own script runs
    assert bool(answers_of(bay)) == bypass_csp  # without the policy the forgery would work


@pytest.mark.browser
def test_a_page_of_another_port_reaches_nothing(
    bay: Bay, names: list[str], told: Told, chromium: str
) -> None:
    """Another user's page on this machine, opened in the owner's browser."""
    with opened_in_chromium(bay, told, chromium) as (site, page):
        trap = HTMLResponse(
            f"<form method=post action={site}/answer><input name=sha256 value={names[1]}>"
            "<input name=answer value=blue><button>win a prize</button></form>"
            f"<img src={site}/image/{names[1]}>"
        )
        with served(Starlette(routes=[Route("/", lambda _: trap)])) as other:
            page.goto(other)
            assert page.evaluate("document.images[0].naturalWidth") == 0
            page.click("button")
            page.get_by_text("sent from another site").wait_for()
    assert answers_of(bay) == {}

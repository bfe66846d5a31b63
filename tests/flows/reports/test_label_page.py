"""The page of a labelling round: its numbers are the round's, and its slider moves them."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from local_servers import served
from playwright.sync_api import Page, sync_playwright
from small_project import (
    LABEL,
    PROJECT,
    TINTS,
    ephyra,
    told,
    write_found,
    write_labelled_set,
    write_photos,
    write_project,
)

from data_registry.labels.decisions import EVIDENCE
from flows.deployments.review_site import create_site
from flows.reports.html_pages import read_inline_scripts
from flows.reports.labelling.charts import Chart, choose_ticks, round_down_to_tenth

TOKEN = "only-the-owner-knows-this"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Label the pool of a project, which is only looked at; return what the command said."""
    place = tmp_path_factory.mktemp("labelling")
    folder = write_project(place / "bay", PROJECT.format(label=f"{LABEL}threshold = 0.7\n"))
    write_found(folder / "found", per_class=12)
    write_photos(folder / "labelled" / "moon", "rose", [77])  # a rose among the moons
    told(folder, "import", write_labelled_set(folder / "labelled", per_class=30))
    told(folder, "collect")
    return folder, told(folder, "label")["label"]


def slider_of(text: str) -> dict[str, Any]:
    found = re.search(r'id="slider-data">(.*?)</script>', text, re.DOTALL)
    assert found
    read = json.loads(found[1])
    assert isinstance(read, dict)
    return read


def test_the_page_tells_what_the_round_decided(labelled: tuple[Path, dict[str, Any]]) -> None:
    folder, said = labelled
    text = Path(said["page"]).read_text()
    slider = slider_of(text)
    standing = slider["steps"][slider["standing"]]
    assert standing["count"] == said["verdicts"]["accepted"] > 0
    assert standing["classes"] == said["accepted"]
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for expected in (
        f"{standing['count']} of {said['pool']} collected images are accepted",
        "This is an estimate; only an audit of this pool certifies it",
        "Reliability", "Risk and coverage", "(this round)", "What comes next", "Labels to check",
        "threshold 0.7",
    ):  # fmt: skip
        assert expected in words
    assert said["doubtful"][0]["given"] == "moon"
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert said["page"] in ephyra("label", "--project", folder).out.replace("\n", "")


def test_the_same_round_makes_the_same_page(labelled: tuple[Path, dict[str, Any]]) -> None:
    folder, said = labelled
    before = Path(said["page"]).read_bytes()
    again = told(folder, "label")["label"]
    assert (again["page"], again["new_decisions"]) == (said["page"], 0)
    assert Path(said["page"]).read_bytes() == before


def test_decisions_as_csv_hold_all_evidence(labelled: tuple[Path, dict[str, Any]]) -> None:
    folder, said = labelled
    told(folder, "decisions", "--csv", folder / "pool.csv")
    rows = pd.read_csv(folder / "pool.csv").drop_duplicates("sha256")
    assert len(rows) == said["pool"]
    assert {*EVIDENCE, "policy", "teacher_id", "detail"} <= set(rows.columns)
    for row in rows.to_dict("records"):
        shares = json.loads(row["probabilities"])
        assert set(shares) == set(TINTS)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["teacher_confidence"] == pytest.approx(max(shares.values()), abs=1e-5)
        assert (row["reason"] == "unlike-labelled") == (
            row["gate_distance"] > row["gate_bound"] and pd.isna(row["copy_of"])
        )
        assert (row["reason"] == "copy") == isinstance(row["copy_of"], str)
        assert row["detail"]
    asked = rows[rows["query"].notna()]
    for query, classes in zip(asked["query"], asked["query_classes"], strict=True):
        assert str(query).removesuffix(" jelly") in str(classes)
    assert set(rows["teacher_id"]) == {said["teacher_id"]}


def test_a_pool_without_images_has_a_page_too(imported: Path) -> None:
    text = Path(told(imported, "label")["label"]["page"]).read_text()
    assert "0 of 0 collected images are accepted" in text
    assert "Too few labelled images for a learning curve" in text


def test_ticks_are_round_and_charts_keep_to_their_edges() -> None:
    assert choose_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert choose_ticks(0.6, 1) == [0.6, 0.7, 0.8, 0.9, 1.0]
    assert choose_ticks(0, 250) == [0, 50, 100, 150, 200, 250]
    assert [
        round_down_to_tenth([0.97]),
        round_down_to_tenth([0.63, 0.8]),
        round_down_to_tenth([]),
    ] == [0.9, 0.6, 0.9]
    chart = Chart(0, 1, 0, 1)
    assert chart.x(-3) == chart.left
    assert chart.y(7) == chart.top
    assert chart.format_points([(0, 0)]) == f"{chart.left:.1f},{chart.bottom:.1f}"


def shown(page: Page, sheet: str) -> list[float]:
    return [
        float(str(figure.get_attribute("data-score")))
        for figure in page.query_selector_all(f"#{sheet} figure")
    ]


def move(page: Page, place: int) -> None:
    page.locator("#threshold").fill(str(place))


@pytest.mark.browser
def test_the_slider_moves_counts_precision_and_sheets(
    chromium: str, labelled: tuple[Path, dict[str, Any]]
) -> None:
    path = Path(labelled[1]["page"])
    slider = slider_of(path.read_text())
    steps, standing = slider["steps"], slider["standing"]
    complaints: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 900}, offline=True)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.inner_text("#count") == str(steps[standing]["count"])
        assert page.locator("#standing").is_disabled()
        for place in (len(steps) - 1, standing, 0):
            move(page, place)
            step = steps[place]
            assert page.inner_text("#count") == str(step["count"])
            if step["precision"] is not None:
                assert page.inner_text("#precision") == f"{100 * step['precision']:.1f} %"
            taken, left = shown(page, "above"), shown(page, "below")
            assert all(score >= step["threshold"] for score in taken)
            assert all(score < step["threshold"] for score in left)
            assert len(taken) == min(8, step["count"])
            for name, count in step["classes"].items():
                assert page.inner_text(f'#classes [data-class="{name}"] b') == str(count)
            assert page.is_visible("#moved") == (place != standing)
            assert float(str(page.get_attribute(".mark", "x1"))) == pytest.approx(step["x"])
        assert page.inner_text("#precision") == "none"
        page.click("#standing")
        assert page.inner_text("#count") == str(steps[standing]["count"])
        # By the keyboard too: one step to the right is one step looser.
        page.focus("#threshold")
        page.keyboard.press("ArrowLeft")
        assert page.inner_text("#count") == str(steps[standing - 1]["count"])
        browser.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
def test_the_slider_moves_on_the_site_too(
    chromium: str, labelled: tuple[Path, dict[str, Any]]
) -> None:
    """There a policy stops every script but our own."""
    folder, said = labelled
    report = "/".join(Path(said["page"]).parts[-2:])
    slider = slider_of(Path(said["page"]).read_text())
    complaints: list[str] = []
    with served(create_site(folder, TOKEN)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{site}/reports/{report}?token={TOKEN}")
        move(page, 0)
        assert page.inner_text("#count") == str(slider["steps"][0]["count"])
        assert page.locator("#moved").is_visible()
        browser.close()
    assert complaints == []


def test_every_inline_script_is_known_to_the_site(labelled: tuple[Path, dict[str, Any]]) -> None:
    text = Path(labelled[1]["page"]).read_text()
    assert re.findall(r"<script>(.*?)</script>", text, re.DOTALL) == list(read_inline_scripts())


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1200, "dark"), (360, "light")])
def test_it_fits_every_screen(
    chromium: str, labelled: tuple[Path, dict[str, Any]], width: int, scheme: Any
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        page.goto(Path(labelled[1]["page"]).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(TINTS) == page.locator("#classes [data-class]").count()
        browser.close()

"""The page of `ephyra serve`: long names fit a narrow screen, and classes read as words."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.sync_api import sync_playwright
from small_project import photo
from starlette.testclient import TestClient

from data_registry.images.image_limits import DEFAULT_LIMITS
from flows.prediction.inputs import Picture
from flows.prediction.predicting import FilePrediction, Predictor
from flows.prediction.site.app import create_app

TOKEN = "t" * 43
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CLASSES = ("lions_mane", "a_class_with_a_very_long_name_that_goes_on_and_on")
LONG_FILE = "IMG_20210814_134512_of_a_camera_that_writes_very_long_names_edited_final.jpg"


def answer_pictures(pictures: Iterable[Picture]) -> list[FilePrediction]:
    shares = dict(zip(CLASSES, (0.7, 0.3), strict=True))
    return [
        FilePrediction(
            file=name,
            answer=CLASSES[0],
            probabilities=shares,
            calibrated=True,
            gate_distance=0.1,
            is_class=True,
        )
        for name, _ in pictures
    ]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Write the page that answers an upload; the model stands aside, the site is real."""
    predictor: Any = SimpleNamespace(
        limits=DEFAULT_LIMITS,
        run_id="3f9c21aa77d0",
        class_names=CLASSES,
        is_calibrated=True,
        predict=answer_pictures,
    )
    app = create_app("A bay", cast(Predictor, predictor), 1_000_000, TOKEN)
    client = TestClient(app, "http://127.0.0.1:8000", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = client.post(
        "/",
        files=[("images", (LONG_FILE, photo("moon", 1), "image/jpeg"))],
        headers={"Origin": "http://127.0.0.1:8000"},
    )
    assert answer.status_code == 200
    file = tmp_path / "page.html"
    file.write_text(answer.text)
    return file


def test_classes_read_as_words_and_files_keep_their_names(page: Path) -> None:
    text = page.read_text()
    assert "lions mane" in text
    assert "lions_mane" not in text
    assert LONG_FILE in text


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_leaves_its_card(chromium: str, page: Path, width: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        tab = browser.new_page(viewport={"width": width, "height": 900}, offline=True)
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for part in tab.locator("article .muted, article li span").all():
            assert part.evaluate("part => part.scrollWidth <= part.clientWidth"), part.inner_text()
        browser.close()

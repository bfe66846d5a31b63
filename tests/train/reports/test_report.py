import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from small_photos import TINY, Photos, drawn_photo

from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.data.dataset import Dataset, Example
from train.experiments.arms import Comparison, compare_arms
from train.fitting.fit import FitConfig
from train.reports.report import ClassOriginCounts, Report, write_report
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SPEC = ModelSpec(
    "tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=32, freeze=True
)
ORIGINS = (
    ClassOriginCounts("<ant>", 6, 1, 5),
    ClassOriginCounts("bee", 6, 0, 6),
    ClassOriginCounts("cow", 6, 0, 6),
)


@pytest.fixture
def comparison(files: FileStore, photos: Photos) -> Comparison:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(3)
        )

    train = examples(range(6))
    dataset = Dataset(
        version="0123" * 16,
        class_names=("<ant>", "bee", "cow"),
        train=train,
        val=examples(range(10, 13)),
        test=examples(range(20, 26)),
        collected=frozenset(example.sha256 for example in train[9:]),
    )
    config = FitConfig(max_steps=3, batch_size=8)
    return compare_arms(
        TrainingContext(files=files, read=photos.read), dataset, SPEC, config, target=0.85
    )


@pytest.fixture
def report(comparison: Comparison, photos: Photos) -> Report:
    facts = (("Parent", "v1 & its images"),)
    return Report(
        project="jellies",
        version="v2",
        result=comparison,
        read=photos.read,
        target=0.85,
        origins=ORIGINS,
        facts=facts,
    )


def text_of(page: str) -> str:
    body = page.partition("<body>")[2]
    return " ".join(re.sub("<[^>]+>", " ", body).split())


def test_the_answer_comes_first_and_everything_is_there(files: FileStore, report: Report) -> None:
    path = write_report(files, "reports/x", report)
    page = files.read(path).decode()
    words = text_of(page)
    comparison = report.result
    assert isinstance(comparison, Comparison)
    headline = words.index("No measurable effect yet")
    settles = words.index("What would show an effect: 18 test images cannot show less")
    assert headline < settles < words.index("points", settles + 200) < words.index("goal of 85 %")
    assert comparison.settling.sentence in words
    assert comparison.sentence in words.replace("\u2212", "-")
    for run in comparison.runs:
        assert run.card.run_id in words
    for expected in (
        "Where the training images came from", "Learning curves", "Confusion", "Reliability",
        "Wrong predictions", "Least certain predictions", "What the model looked at",
        "Answering only the confident images",
        "What these results do not show", "The test set is small: 18 images",
        "Only an audit by a person", "v1 &amp; its images", "0123" * 16, "&lt;ant&gt;",
    ):  # fmt: skip
        assert expected in words


def test_the_page_needs_nothing_from_elsewhere(files: FileStore, report: Report) -> None:
    page = files.read(write_report(files, "reports/x", report)).decode()
    without_pictures = re.sub('base64,[^"]+', "", page)
    assert "//" not in without_pictures
    assert "@import" not in without_pictures
    sources = re.findall('(?:src|srcset|href)="([^"]*)', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert "<ant>" not in page


def test_every_figure_lies_beside_the_page(files: FileStore, report: Report) -> None:
    write_report(files, "reports/x", report)
    names = {Path(path).stem for path in files.list("reports/x/figures")}
    expected = {"accuracy", "loss", "learning_accuracy", "per_class", "confusion", "reliability"}
    expected |= {"risk_coverage", "wrong_predictions", "doubtful_predictions", "grad_cam"}
    assert names == expected
    for path in files.list("reports/x/figures"):
        image = Image.open(io.BytesIO(files.read(path)))
        image.load()
        assert image.format == "PNG"
        assert image.width > 300


def test_a_single_run_has_a_report_too(files: FileStore, report: Report) -> None:
    comparison = report.result
    assert isinstance(comparison, Comparison)
    single = replace(report, result=comparison.runs[-1], origins=(), target=None)
    words = text_of(files.read(write_report(files, "reports/one", single)).decode())
    right = comparison.runs[-1].test.correct_count
    assert f"{right} of 18 test images are classified correctly." in words
    assert "Where the training images came from" not in words
    assert "goal" not in words


def test_a_photo_that_was_taken_down_does_not_take_the_report_with_it(
    files: FileStore, report: Report
) -> None:
    gone = replace(report, read=lambda sha256: files.read(f"blobs/{sha256}"))
    page = files.read(write_report(files, "reports/gone", gone)).decode()
    assert 'class="gone"' in page
    assert "image/jpeg" not in page


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light")])
def test_a_browser_shows_it_without_asking_for_anything(
    chromium: str,
    files: FileStore,
    report: Report,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    page_file = files.build_local_path(write_report(files, "reports/x", report))
    assert page_file is not None
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(page_file.as_uri())
        assert "No measurable effect yet" in page.inner_text("h1, h2")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # A picture that is broken rejects; one below the fold is loaded for the question.
        decoded = "i => (i.loading = 'eager', i.decode().then(() => i.naturalWidth))"
        shown = "[...document.images].filter(i => i.checkVisibility())"
        widths = page.evaluate(f"Promise.all({shown}.map({decoded}))")
        assert widths
        assert min(widths) > 0
        browser.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
def test_a_telephone_shows_the_columns_that_decide(
    chromium: str, files: FileStore, report: Report
) -> None:
    """And a table that is wider says so: its first column stays while the others scroll."""
    page_file = files.build_local_path(write_report(files, "reports/x", report))
    assert page_file is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 390, "height": 800}, offline=True)
        page.goto(page_file.as_uri())
        table = page.locator(".scroll", has_text="test acc.").first
        edge = table.bounding_box()
        score = table.locator("th", has_text="test acc.").bounding_box()
        assert edge and score
        assert score["x"] + score["width"] <= edge["x"] + edge["width"]
        first = table.locator("tbody td").first
        before = first.bounding_box()
        table.evaluate("node => { node.scrollLeft = 200 }")
        assert table.evaluate("node => node.scrollLeft") == 200
        assert first.bounding_box() == before
        page.set_viewport_size({"width": 1400, "height": 900})
        hidden = "[...document.querySelectorAll('.scroll')].map(n => n.scrollWidth - n.clientWidth)"
        assert max(page.evaluate(hidden)) <= 0
        browser.close()


def test_class_names_are_read_with_spaces(files: FileStore, report: Report) -> None:
    named = replace(report, origins=(ClassOriginCounts("Moon_jellyfish", 6, 1, 5),))
    words = text_of(files.read(write_report(files, "reports/names", named)).decode())
    assert "Moon jellyfish" in words
    assert "Moon_jellyfish" not in words

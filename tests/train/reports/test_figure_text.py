"""Names in figures: nothing is markup, nothing is a box, nothing is too long."""

import io
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from train.evaluation.metrics import evaluate
from train.reports.figure_text import MAIN_FONT, choose_lettering, choose_one_font, measure_width
from train.reports.figures import plot_confusion
from train.reports.pictures import compose_sheet

ODD = [
    "US$1 vs $5",
    "$x^$ coin",
    "10$ or 20$ ^_x$",
    r"\frac{a}{b}",
    "line\nbreak\tand more",
    "moon\u202etrap",
    "a name that goes on and on and on and on and ends here",
    "a name that goes on and on and on and off and ends here",
    "שלום עולם",
    "قنديل البحر",
    "水母",
    "jelly \U0001fabc",
    "\udce9t\udce9",
    "\u200b",
]


@pytest.fixture
def without_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the fonts that matplotlib brings, and no others."""
    own = Path(font_manager.__file__).parent / "mpl-data"
    entries = [item for item in font_manager.fontManager.ttflist if own in Path(item.fname).parents]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)


@pytest.fixture
def east_asian_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_other_fonts: None
) -> str:
    """Add a font of two letters, each a full square, to those that matplotlib brings."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", "water", "mother"]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord("水"): "water", ord("母"): "mother"})
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Two Letters", "styleName": "Regular"})
    font.setupOS2(usWeightClass=400)
    font.setupPost()
    font.save(tmp_path / "two.ttf")
    kept = list(font_manager.fontManager.ttflist)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", kept)
    font_manager.fontManager.addfont(tmp_path / "two.ttf")
    return "Two Letters"


def drawn_with(*names: str) -> Image.Image:
    """Draw a confusion matrix of these classes; any complaint of matplotlib is an error."""
    random = np.random.default_rng(0)
    chances = random.dirichlet(np.ones(len(names)), 60).astype(np.float32)
    metrics = evaluate(chances, random.integers(0, len(names), 60), names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Image.open(io.BytesIO(plot_confusion(metrics)["light"]))


@pytest.mark.usefixtures("without_other_fonts")
def test_every_name_can_be_drawn() -> None:
    image = drawn_with(*ODD)
    assert image.width < 2600
    for name in ODD:
        assert drawn_with(name, "b").width > 0


def test_a_dollar_is_a_dollar() -> None:
    """As mathematics, the first would be the second without its signs."""
    assert choose_lettering(["US$1 vs $5"])["US$1 vs $5"] == "US$1 vs $5"
    marked, plain = (np.asarray(drawn_with(name, "b")) for name in ("a $b$ c", "a b c"))
    assert marked.shape != plain.shape or (marked != plain).any()


@pytest.mark.usefixtures("without_other_fonts")
def test_letters_that_no_font_has_are_escapes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        letters = choose_lettering(["水母", "plain"])
    assert letters.families == (MAIN_FONT,)
    assert letters.labels == {"水母": r"\u6c34\u6bcd", "plain": "plain"}
    assert "install a font" in caplog.text


def test_a_font_of_this_machine_is_used(east_asian_font: str) -> None:
    letters = choose_lettering(["水母", "plain"])
    assert letters.families == (MAIN_FONT, east_asian_font)
    assert letters["水母"] == "水母"
    drawn_with("水母", "plain")


@pytest.mark.usefixtures("without_other_fonts")
def test_captions_of_a_contact_sheet_have_no_boxes() -> None:
    captions = [("Ünïcödé", "said 水母, 98 %"), ("קיפוד", "x")]
    chosen = choose_one_font(text for pair in captions for text in pair)
    assert chosen.render("said 水母, 98 %") == r"said \u6c34\u6bcd, 98 %"
    assert chosen.render("Ünïcödé") == "Ünïcödé"
    named, escaped = (
        compose_sheet([b""], [pair], 112)
        for pair in (captions[0], ("Ünïcödé", r"said \u6c34\u6bcd, 98 %"))
    )
    assert named.tobytes() == escaped.tobytes()


def test_a_contact_sheet_takes_the_font_that_has_the_letters(east_asian_font: str) -> None:
    chosen = choose_one_font(["水母"])
    assert (Path(chosen.file).name, chosen.render("水母")) == ("two.ttf", "水母")
    assert (
        compose_sheet([b""], [("水", "母")], 112).getextrema()[0][0] < 100
    )  # something is written


@pytest.mark.usefixtures("without_other_fonts")
def test_labels_are_short_distinct_and_on_one_line() -> None:
    letters = choose_lettering(ODD)
    assert len(set(letters.labels.values())) == len(ODD)
    assert letters["line\nbreak\tand more"] == "line break and more"
    assert letters["moon\u202etrap"] == "moontrap"
    assert letters["שלום עולם"] == "שלום עולם"
    assert all(label and label.isprintable() for label in letters.labels.values())
    assert letters.longest <= 40
    assert measure_width("水母") == 4
    crowd = choose_lettering([f"{'x' * 60}{number}{'y' * 20}" for number in range(12)])
    assert len(set(crowd.labels.values())) == 12


def test_class_names_have_spaces_and_model_names_stay() -> None:
    letters = choose_lettering(["tf_net"], ["lions_mane", "a_b", "a b"])
    assert (letters["tf_net"], letters["lions_mane"]) == ("tf_net", "lions mane")
    assert letters["a_b"] != letters["a b"]  # still two classes

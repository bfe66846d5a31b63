"""Photos in a report: thumbnails, and contact sheets of wrong and of doubtful predictions."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from data_registry.images.thumbnails import render_thumbnail
from train.data.decoding import ReadImage
from train.experiments.runs import Run

SIDE = 208  # pixels of a thumbnail
_COLUMNS = 6
_MARGIN = 14
_GAP = 5  # pixels between a thumbnail and its captions
_TEXT = 14
_LINE = 19
_INK, _WRONG = "#1c2430", "#b3402a"

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, kw_only=True)
class ShownPrediction:
    """A test image with what a run said of it.

    Attributes:
        confidence: the probability of the class predicted.
        second: the next most probable class.
        second_confidence: its probability.
        jpeg: a square thumbnail, or empty where the image was taken down since.
    """

    sha256: str
    true: str
    predicted: str
    confidence: float
    second: str
    second_confidence: float
    jpeg: bytes

    @property
    def is_right(self) -> bool:
        """Whether the class predicted is the true one."""
        return self.true == self.predicted


def select_wrong_predictions(run: Run, read: ReadImage, limit: int) -> list[ShownPrediction]:
    """Select the wrong test predictions, the most confident first."""
    rows = run.get_test_predictions()
    wrong = rows[rows["true"] != rows["predicted"]].sort_values("confidence", ascending=False)
    return attach_thumbnails(wrong.head(limit), read)


def select_uncertain_predictions(run: Run, read: ReadImage, limit: int) -> list[ShownPrediction]:
    """Test images, right or wrong, whose two most probable classes are nearest to each other."""
    rows = run.get_test_predictions()
    ranked = np.sort(_get_probabilities(rows), axis=1)
    order = np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")
    return attach_thumbnails(rows.iloc[order[:limit]], read)


def attach_thumbnails(rows: pd.DataFrame, read: ReadImage) -> list[ShownPrediction]:
    """Rows of a run's predictions with thumbnails, in order."""
    names = [column.removeprefix("p:") for column in rows.columns if column.startswith("p:")]
    chances = _get_probabilities(rows)
    second = np.argsort(chances, axis=1)[:, -2]
    columns = ("sha256", "true", "predicted", "confidence")
    return [
        ShownPrediction(
            sha256=sha256,
            true=true,
            predicted=predicted,
            confidence=confidence,
            second=names[second[place]],
            second_confidence=float(chances[place, second[place]]),
            jpeg=render_thumbnail(sha256, read, SIDE),
        )
        for place, (sha256, true, predicted, confidence) in enumerate(
            zip(*(rows[column].tolist() for column in columns), strict=True)
        )
    ]


def render_contact_sheet(items: Sequence[ShownPrediction]) -> bytes:
    """All thumbnails with true class, predicted class and confidence, as one PNG."""
    said = [f"said {item.predicted}, {100 * item.confidence:.0f} %" for item in items]
    captions = [(f"is {item.true}", words) for item, words in zip(items, said, strict=True)]
    sheet = compose_sheet([item.jpeg for item in items], captions, SIDE)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def compose_sheet(
    jpegs: Sequence[bytes], captions: Sequence[tuple[str, str]], side: int
) -> Image.Image:
    """Thumbnails in rows of six, each with two captions under it, over as many lines as they need.

    Args:
        jpegs: thumbnails, made square; an empty one leaves its place free.
        captions: one pair a thumbnail; `_` is shown as a space.
        side: of a thumbnail, in pixels.
    """
    font, texts = _choose_font(captions)
    wrapped = [[wrap_caption(text, font, side) for text in pair] for pair in texts]
    deepest = max((len(first) + len(second) for first, second in wrapped), default=0)
    rows = -(-max(len(jpegs), 1) // _COLUMNS)
    width, height = side + _MARGIN, side + _GAP + deepest * _LINE + _MARGIN
    sheet = Image.new("RGB", (_COLUMNS * width + _MARGIN, rows * height + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (jpeg, (first, second)) in enumerate(zip(jpegs, wrapped, strict=True)):
        x = _MARGIN + place % _COLUMNS * width
        y = _MARGIN + place // _COLUMNS * height
        if jpeg:
            sheet.paste(ImageOps.fit(Image.open(io.BytesIO(jpeg)), (side, side)), (x, y))
        inks = [_INK] * len(first) + [_WRONG] * len(second)
        for line, (text, ink) in enumerate(zip([*first, *second], inks, strict=True)):
            draw.text((x, y + side + _GAP + line * _LINE), text, ink, font)
    return sheet


def _choose_font(
    captions: Sequence[tuple[str, str]],
) -> tuple[_Font, Sequence[tuple[str, str]]]:
    """Choose a font for the captions, and write them with the characters it has."""
    if all(text.isascii() for pair in captions for text in pair):
        return ImageFont.load_default(size=_TEXT), captions
    from train.reports.figure_text import choose_one_font

    chosen = choose_one_font(text for pair in captions for text in pair)
    texts = [(chosen.render(first), chosen.render(second)) for first, second in captions]
    return ImageFont.truetype(chosen.file, _TEXT), texts


def wrap_caption(text: str, font: _Font, width: int) -> list[str]:
    """Break a text into lines that are no wider than `width` pixels, at spaces where it can be."""
    lines = [""]
    for word in text.replace("_", " ").split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        lines += _break_word(word, font, width)
    return [line for line in lines if line]


def _break_word(word: str, font: _Font, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if font.getlength(pieces[-1] + letter) > width and pieces[-1]:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _get_probabilities(rows: pd.DataFrame) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    columns = [column for column in rows.columns if column.startswith("p:")]
    chances: np.ndarray[tuple[int, int], np.dtype[np.float64]] = rows[columns].to_numpy(
        dtype=np.float64
    )
    return chances

"""Photos in a report: thumbnails, and a contact sheet of wrong predictions."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from data_registry.thumbnails import thumbnail
from train.decoding import ReadImage
from train.runs import Run

_SIDE = 208  # pixels of a thumbnail
_COLUMNS = 6
_MARGIN = 14
_CAPTION = 46
_INK, _WRONG = "#1c2430", "#b3402a"


@dataclass(frozen=True)
class WrongPrediction:
    """A test image that was predicted wrong.

    Attributes:
        jpeg: a square thumbnail, or empty where the image was taken down since.
    """

    sha256: str
    true: str
    predicted: str
    confidence: float
    jpeg: bytes


def wrong_predictions(run: Run, read: ReadImage, limit: int) -> list[WrongPrediction]:
    """The wrong predictions on test, the surest first: those teach most."""
    rows = run.on_test()
    wrong = rows[rows["true"] != rows["predicted"]].sort_values("confidence", ascending=False)
    columns = ("sha256", "true", "predicted", "confidence")
    return [
        WrongPrediction(name, true, predicted, confidence, thumbnail(name, read, _SIDE))
        for name, true, predicted, confidence in zip(
            *(wrong[column].head(limit).tolist() for column in columns), strict=True
        )
    ]


def contact_sheet(wrong: Sequence[WrongPrediction]) -> bytes:
    """All thumbnails with true class, predicted class and confidence, as one PNG."""
    said = [f"said {item.predicted}, {100 * item.confidence:.0f} %" for item in wrong]
    captions = [(f"is {item.true}", words) for item, words in zip(wrong, said, strict=True)]
    sheet = sheet_of([item.jpeg for item in wrong], captions, _SIDE)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def sheet_of(jpegs: Sequence[bytes], captions: Sequence[tuple[str, str]], side: int) -> Image.Image:
    """Thumbnails in rows of six, each with two lines under it.

    Args:
        jpegs: square thumbnails; an empty one leaves its place free.
        captions: one pair of lines a thumbnail.
        side: of a thumbnail, in pixels.
    """
    rows = -(-max(len(jpegs), 1) // _COLUMNS)
    width, height = side + _MARGIN, side + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (_COLUMNS * width + _MARGIN, rows * height + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for place, (jpeg, (first, second)) in enumerate(zip(jpegs, captions, strict=True)):
        x = _MARGIN + place % _COLUMNS * width
        y = _MARGIN + place // _COLUMNS * height
        if jpeg:
            sheet.paste(Image.open(io.BytesIO(jpeg)), (x, y))
        draw.text((x, y + side + 5), first, _INK, font)
        draw.text((x, y + side + 24), second, _WRONG, font)
    return sheet

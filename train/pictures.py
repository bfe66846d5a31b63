"""Photos in a report: thumbnails, and a contact sheet of wrong predictions."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from data_registry.errors import ImageError, StorageError
from data_registry.pixels import decode
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
        WrongPrediction(name, true, predicted, confidence, _jpeg(name, read))
        for name, true, predicted, confidence in zip(
            *(wrong[column].head(limit).tolist() for column in columns), strict=True
        )
    ]


def contact_sheet(wrong: Sequence[WrongPrediction]) -> bytes:
    """All thumbnails with true class, predicted class and confidence, as one PNG."""
    rows = -(-max(len(wrong), 1) // _COLUMNS)
    cell = (_SIDE + _MARGIN, _SIDE + _CAPTION + _MARGIN)
    sheet = Image.new("RGB", (_COLUMNS * cell[0] + _MARGIN, rows * cell[1] + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for place, item in enumerate(wrong):
        x = _MARGIN + place % _COLUMNS * cell[0]
        y = _MARGIN + place // _COLUMNS * cell[1]
        if item.jpeg:
            sheet.paste(Image.open(io.BytesIO(item.jpeg)), (x, y))
        draw.text((x, y + _SIDE + 5), f"is {item.true}", _INK, font)
        said = f"said {item.predicted}, {100 * item.confidence:.0f} %"
        draw.text((x, y + _SIDE + 24), said, _WRONG, font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _jpeg(sha256: str, read: ReadImage) -> bytes:
    try:
        image = decode(read(sha256)).image
    except (ImageError, StorageError):  # a takedown must not take the report with it
        return b""
    buffer = io.BytesIO()
    ImageOps.fit(image, (_SIDE, _SIDE)).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()

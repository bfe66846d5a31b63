"""Captions of a contact sheet stay under their own thumbnail."""

import io

import numpy as np
from PIL import Image, ImageFont

from train.reports.pictures import compose_sheet, wrap_caption

FONT = ImageFont.load_default(size=14)
LONG = "Chrysaora_quinquecirrha_atlantic_sea_nettle 0.97"
SIDE = 112
MARGIN = 14


def test_a_long_name_breaks_at_its_words() -> None:
    lines = wrap_caption(LONG, FONT, SIDE)
    assert " ".join(lines) == LONG.replace("_", " ")
    assert max(FONT.getlength(line) for line in lines) <= SIDE


def test_a_word_wider_than_the_thumbnail_breaks_inside() -> None:
    lines = wrap_caption("W" * 40, FONT, SIDE)
    assert "".join(lines) == "W" * 40
    assert max(FONT.getlength(line) for line in lines) <= SIDE


def test_a_short_caption_is_one_line() -> None:
    assert wrap_caption("moon 0.97", FONT, SIDE) == ["moon 0.97"]
    assert wrap_caption("", FONT, SIDE) == []


def test_no_caption_reaches_its_neighbour_or_the_row_below() -> None:
    """Between the places of a sheet everything is white."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "black").save(buffer, "JPEG")
    sheet = np.asarray(compose_sheet([buffer.getvalue()] * 8, [("accepted", LONG)] * 8, SIDE))
    for column in range(7):
        left = column * (SIDE + MARGIN)
        assert (sheet[:, left : left + MARGIN] == 255).all()
    assert (sheet[-MARGIN:] == 255).all()
    second_row = sheet.shape[0] // 2
    assert (sheet[second_row - 2 : second_row + 2] == 255).all()

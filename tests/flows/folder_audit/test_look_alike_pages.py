"""Pages that agree at 32 x 32 pixels are different documents."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from small_project import ephyra


def test_pages_with_one_letterhead_are_no_copies_across_splits(tmp_path: Path) -> None:
    letters = list("abcdefghij ")
    for number in range(12):
        drawn = Image.new("L", (850, 1100), 255)
        draw = ImageDraw.Draw(drawn)
        draw.rectangle((60, 40, 300, 90), fill=0)
        for line, text in enumerate(np.random.default_rng(number).choice(letters, (12, 60))):
            draw.text((60, 150 + line * 30), "".join(text), fill=0)
        split, kind = ("train", "test")[number % 2], ("letter", "invoice")[number // 2 % 2]
        folder = tmp_path / "set" / split / kind
        folder.mkdir(parents=True, exist_ok=True)
        drawn.save(folder / f"{number}.png")
    said = ephyra("audit", tmp_path / "set", "--page", tmp_path / "a.html", "--json")
    assert (said.code, said.json["copies"]["groups"]) == (0, [])
    assert said.json["unconfirmed"] > 5

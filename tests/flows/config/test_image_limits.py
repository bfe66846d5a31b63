"""`[collect] max_megapixels` and `max_megabytes`, from the project file to every way in."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_project import ephyra, photo, told, write_labelled_set, write_project

from data_registry.errors import ImageError
from data_registry.registry import Registry
from flows.config.workspace import open_workspace
from train.data.decoding import prepare_batches
from train.data.preprocessing import Preprocessing

LIMITS = "[collect]\nmax_megapixels = {}\nmax_megabytes = {}\n"
SMALL = Preprocessing(
    height=32,
    width=32,
    resize_to=32,
    crop_mode="center",
    interpolation="bicubic",
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)


def large_photo(side: int = 1100) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((side, side)).save(buffer, "PNG")
    return buffer.getvalue()


def limit(folder: Path, megapixels: float, megabytes: float = 20) -> None:
    file = folder / "ephyra.toml"
    text = file.read_text()
    start = text.index("[collect]\n")
    end = text.index("min_side")
    file.write_text(text[:start] + LIMITS.format(megapixels, megabytes) + text[end:])


def test_a_large_image_is_usable_wherever_it_comes_in(tmp_path: Path) -> None:
    """1.21 megapixels against a limit of 1, then of 2, then of 1 again."""
    folder = write_project(tmp_path)
    write_labelled_set(folder / "labelled")
    (folder / "labelled" / "moon" / "large.png").write_bytes(large_photo())
    (folder / "found").mkdir(exist_ok=True)
    (folder / "found" / "large.png").write_bytes(large_photo(1101))
    limit(folder, 1)
    refused = told(folder, "import", folder / "labelled")
    (unreadable,) = refused["images"]["unreadable"]
    assert unreadable[0] == "moon/large.png"
    assert "at most 1,000,000 are decoded ([collect] max_megapixels" in unreadable[1]
    assert told(folder, "collect")["providers"][0]["outcomes"]["too_many_pixels"] == 1
    limit(folder, 2)
    assert told(folder, "import", folder / "labelled")["images"]["new"] == 1
    for at in (2, 1):  # what is stored stays usable when the limit is lowered
        limit(folder, at)
        with open_workspace(folder) as workspace:
            names = sorted(workspace.registry.find_present_images())
            read = workspace.registry.read_image
            batches = list(prepare_batches(names, read, SMALL, 8))
            assert sum(map(len, batches)) == len(names) == 25


def test_audit_has_the_same_limits(tmp_path: Path) -> None:
    folder = write_labelled_set(tmp_path / "set")
    (folder / "moon" / "large.png").write_bytes(large_photo())

    def unreadable(*options: str) -> list[list[str]]:
        said = ephyra("audit", folder, "--page", tmp_path / "audit.html", "--json", *options)
        assert said.code in {0, 1}, said
        found: list[list[str]] = said.json["images"]["unreadable"]
        return found

    (wide,) = unreadable("--max-megapixels=1")
    assert "--max-megapixels of `ephyra audit`" in wide[1]
    assert unreadable("--max-megapixels=2") == []
    (heavy,) = unreadable("--max-megabytes=0.01")
    assert (heavy[0], "at most 0.01 MB" in heavy[1]) == ("moon/large.png", True)


def test_a_stored_image_that_broke_is_named(tmp_path: Path) -> None:
    with Registry.open(tmp_path) as registry:
        names = [registry.store_bytes(photo("moon", 1)), registry.store_bytes(b"broken")]
        with pytest.raises(ImageError, match=f"image {names[1]}: .*known image format"):
            list(prepare_batches(names, registry.read_image, SMALL, 8))

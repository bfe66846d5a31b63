"""One photograph edited is confirmed; another animal of the same kind is not."""

from collections.abc import Callable

import pytest
from drawn import encoded
from drawn_animals import animal
from PIL import Image, ImageEnhance

from data_registry.duplicates.geometry import NONE, Agreement, measure_agreement
from data_registry.duplicates.local_features import SIDE, extract_local_features
from data_registry.duplicates.match_thresholds import MatchThresholds
from data_registry.errors import ImageError

EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cropped by a quarter": lambda image: image.crop((0, 20, 180, 200)),
    "turned by 5 degrees": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
    "turned by 100 degrees": lambda image: image.rotate(100, Image.Resampling.BICUBIC),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "mirrored, turned and cropped": lambda image: (
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).rotate(30).crop((30, 30, 220, 220))
    ),
    "half as large": lambda image: image.resize((120, 120)),
    "squeezed": lambda image: image.resize((240, 160)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
}


def compared(one: Image.Image, other: Image.Image) -> Agreement:
    return measure_agreement(
        extract_local_features(encoded(one)), extract_local_features(encoded(other))
    )


def is_met_by(found: Agreement) -> bool:
    return MatchThresholds().is_met_by(found)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_photograph_is_confirmed_either_way_round(edit: str) -> None:
    photo = animal(1)
    assert is_met_by(compared(photo, EDITS[edit](photo)))
    assert is_met_by(compared(EDITS[edit](photo), photo))


def test_another_animal_of_the_kind_is_not_confirmed() -> None:
    animals = [animal(seed) for seed in range(6)]
    found = [compared(one, other) for n, one in enumerate(animals) for other in animals[:n]]
    assert not any(is_met_by(each) for each in found)
    # Their outline agrees, and laid on each other they look alike: the share tells them apart.
    assert any(each.points >= 8 and each.correlation > 0.9 for each in found)


def test_a_plain_picture_has_no_points() -> None:
    plain = Image.new("RGB", (100, 80), "white")
    assert len(extract_local_features(encoded(plain)).points) == 0
    assert compared(plain, animal(1)) == compared(animal(1), plain) == NONE


def test_pictures_are_looked_at_small_upright_and_on_white_paper() -> None:
    large = animal(1).resize((1000, 500))
    turned = Image.Exif()
    turned[0x0112] = 6
    found = extract_local_features(encoded(large, exif=turned.tobytes()))  # type: ignore[arg-type]
    assert found.grey.shape == (SIDE, SIDE // 2)
    glass = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    assert extract_local_features(encoded(glass, "PNG")).grey.min() == 255


def test_what_is_no_image_is_named() -> None:
    with pytest.raises(ImageError, match="no known image format"):
        extract_local_features(b"not an image")
    with pytest.raises(ImageError, match="incomplete"):
        extract_local_features(encoded(animal(1))[:900])

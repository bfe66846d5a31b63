"""The edits under which test photographs are planted in a crawl, each with its geometry."""

import io
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

Edit = Callable[[Image.Image], Image.Image]
QUALITY = 90
LOW_QUALITY = 40


def _resize(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def _build_crop(left: float, top: float, right: float, bottom: float) -> Edit:
    """Build an edit that crops these shares of width and height."""

    def crop(image: Image.Image) -> Image.Image:
        width, height = image.size
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        return image.crop(tuple(round(side) for side in box))  # type: ignore[arg-type]

    return crop


def _add_watermark(image: Image.Image) -> Image.Image:
    """Add white, half transparent letters across the middle, a fifth of the height."""
    layer = Image.new("RGBA", image.size)
    font = ImageFont.load_default(size=image.height / 5)
    middle = (image.width / 2, image.height / 2)
    ImageDraw.Draw(layer).text(middle, "EPHYRA", (255, 255, 255, 128), font, anchor="mm")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _shift_hue(image: Image.Image) -> Image.Image:
    """Shift every hue by 30 of 360 degrees."""
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point(lambda level: (level + round(256 * 30 / 360)) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


EASY: dict[str, Edit] = {
    "recompressed q40": lambda image: image,
    "half size": _resize,
    "blurred, radius 2": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "brightness x1.25": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "rotated 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}
HARD: dict[str, Edit] = {
    "cropped 5 % a side": _build_crop(0.05, 0.05, 0.05, 0.05),
    "cropped 10 % at one corner": _build_crop(0.1, 0.1, 0, 0),
    "rotated 5 degrees": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
    "watermarked": _add_watermark,
    "hue-shifted 30 degrees": _shift_hue,
}
HARDEST: dict[str, Edit] = {
    "cropped 25 % at one corner": _build_crop(0.25, 0.25, 0, 0),
    "cropped 25 % a side": _build_crop(0.25, 0.25, 0.25, 0.25),  # a quarter of the area is left
}
EDITS: dict[str, Edit] = EASY | HARD | HARDEST


def edit_photograph(data: bytes, kind: str) -> bytes:
    """Edit a photograph and save it as a JPEG of quality 90, or 40."""
    edited = EDITS[kind](Image.open(io.BytesIO(data)).convert("RGB"))
    buffer = io.BytesIO()
    edited.save(buffer, "JPEG", quality=LOW_QUALITY if kind.endswith("q40") else QUALITY)
    return buffer.getvalue()

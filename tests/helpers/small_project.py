"""A project in small: drawn photos of two classes, a folder and a list of URLs, tiny models."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from data_registry.verification.digest import compute_canonical_digest
from flows.cli import app
from flows.config.workspace import open_workspace

TINTS = {"moon": (40, 90, 220), "rose": (230, 60, 50)}
LABEL = """\
backbone = "tf_efficientnetv2_b0"
weights = "random"
model_args = { channel_multiplier = 0.25, depth_multiplier = 0.25 }
input_size = 32
folds = 3
"""
PROJECT = """\
[project]
name = "A [small] bay"

[[classes]]
name = "moon"
queries = ["moon jelly"]

[[classes]]
name = "rose"
queries = ["rose jelly"]

[collect]
min_side = 32
allow_loopback = true
requests_per_second = 1000

[[collect.providers]]
kind = "folder"
path = "found"

[groups]
feature_similarity = 1

[label]
{label}
[train]
[[train.models]]
name = "cnn"
input_size = 32
steps = 4
batch_size = 8
model_args = {{ widths = [4, 8] }}
"""


def photo(class_name: str, seed: int, side: int = 80) -> bytes:
    """Draw a JPEG of soft blobs, tinted by class; every seed gives another one."""
    random = np.random.default_rng([seed, *TINTS[class_name]])
    blobs = random.integers(0, 256, (8, 8, 3)).astype(float)
    tinted = (0.45 * blobs + 0.55 * np.array(TINTS[class_name])).astype(np.uint8)
    image = Image.fromarray(tinted).resize((side, side), Image.Resampling.BICUBIC)
    return encoded(image.filter(ImageFilter.GaussianBlur(1)))


def strange_photo(side: int = 80) -> bytes:
    """Black and white stripes, like nothing in the set."""
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::4] = 255
    return encoded(Image.fromarray(stripes))


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def write_photos(folder: Path, class_name: str, seeds: Iterable[int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed}.jpg").write_bytes(photo(class_name, seed))
    return folder


def write_labelled_set(folder: Path, per_class: int = 12) -> Path:
    """Write an ImageFolder without splits."""
    for class_name in TINTS:
        write_photos(folder / class_name, class_name, range(per_class))
    return folder


def write_found(folder: Path, per_class: int = 4) -> Path:
    """Write a provider's folder: new photos by query, a copy, and a file that is no image."""
    for class_name in TINTS:
        seeds = range(100, 100 + per_class)
        write_photos(folder / f"{class_name} jelly", class_name, seeds)
    (folder / "copy.jpg").write_bytes(photo("moon", 100))
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    return folder


def write_project(folder: Path, text: str = "", label: str = LABEL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ephyra.toml").write_text(text or PROJECT.format(label=label), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as one JSON object; fails where it is anything else."""
        read = json.loads(self.out, parse_constant=_refuse_constant)
        assert isinstance(read, dict)
        return read


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def ephyra(*arguments: str | Path) -> Said:
    """Give a command in this process; what is no answer (a traceback) is raised."""
    result = CliRunner().invoke(app, [str(item) for item in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def digest_of(folder: Path) -> str:
    with open_workspace(folder) as workspace:
        return compute_canonical_digest(workspace.registry)


def told(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """Give a command about a project and return its answer; it must be done without an error."""
    said = ephyra(*arguments, "--project", folder, "--json")
    assert said.code == 0, said
    return said.json

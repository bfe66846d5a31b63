"""A project in small for benchmarks of the flows: drawn animals, a folder provider, tiny models."""

from pathlib import Path

from flows.config.scaffold import PREFECT_SETTINGS
from flows.config.workspace import open_workspace
from flows.demo.drawing.animals import CLASSES, draw_jpeg
from flows.stages.stages import import_stage

PROJECT = """\
[project]
name = "A small bay"

{classes}
[[collect.providers]]
kind = "folder"
path = "found"

[groups]
feature_similarity = 1

[label]
backbone = "tf_efficientnetv2_b0"
weights = "random"
model_args = {{ channel_multiplier = 0.25, depth_multiplier = 0.25 }}
input_size = 64
folds = 3

[work]
shard_size = 64

[train]
[[train.models]]
name = "cnn"
input_size = 48
steps = {steps}
batch_size = 16
model_args = {{ widths = [8, 16, 32] }}
"""
_LABELLED, _FOUND = 1, 2


def write_small_bay(
    folder: Path, labelled: int = 20, found: int = 30, steps: int = 120, api: str = ""
) -> Path:
    """Draw a labelled set and a folder of found images, and import the set.

    Args:
        folder: of the project; made here.
        labelled, found: images of each class.
        steps: of each training.
        api: of a Prefect server, for prefect.toml.
    """
    for place, seed, count in (("labelled", _LABELLED, labelled), ("found", _FOUND, found)):
        for kind, name in enumerate(CLASSES):
            _draw(folder / place / name, name, count, (seed, kind))
    tables = (f'[[classes]]\nname = "{name}"\nqueries = ["{name}"]\n' for name in CLASSES)
    text = PROJECT.format(classes="\n".join(tables), steps=steps)
    (folder / "ephyra.toml").write_text(text, encoding="utf-8")
    if api:
        settings = PREFECT_SETTINGS.replace("http://127.0.0.1:4200/api", api)
        (folder / "prefect.toml").write_text(settings, encoding="utf-8")
    with open_workspace(folder) as workspace:
        import_stage(workspace, folder / "labelled")
    return folder


def _draw(folder: Path, name: str, count: int, seed: tuple[int, int]) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(draw_jpeg(name, (*seed, number)))

"""Grouped cross-validation: every held-out image is judged by a model that never saw its group.

Only images of train that people named are held out; machine-made classes teach and never measure.
Validation goes on stopping and selecting, test is not touched.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd

from train.contest import Scores, answers_from, scores_of
from train.data import Example, labels_of
from train.fit_config import FitConfig
from train.model_inputs import ModelInputs
from train.models import Model, build_model
from train.pixel_cache import PixelCache
from train.recipes import Recipe
from train.runs import RunCard
from train.workplace import Workplace


@dataclass(frozen=True)
class Folds:
    """What decides, and in which folds.

    Attributes:
        held_out: the images of each fold; no group stands in two.
        val: stops and selects, as in every training.
        class_names: of the class indices of both.
    """

    held_out: tuple[tuple[Example, ...], ...]
    val: tuple[Example, ...]
    class_names: tuple[str, ...]


def cross_validated_scores(
    workplace: Workplace, recipe: Recipe, training: Sequence[Example], folds: Folds
) -> Scores:
    """Fit the recipe once a fold on its training images without the fold's groups.

    Folds that were fitted before are read from ``cross_validation/``.

    Args:
        workplace: files, images, progress.
        recipe: model and configuration; its first seed is used.
        training: all it learns from, classes by `folds.class_names`, groups as they are now.
        folds: what is held out.
    """
    rows = []
    with PixelCache(workplace.read, workplace.progress) as cache:
        for held_out in folds.held_out:
            kept = _without_groups(training, held_out)
            rows.append(_fold(workplace, cache, recipe, kept=kept, held_out=held_out, folds=folds))
    every = [item for held_out in folds.held_out for item in held_out]
    answers = answers_from(pd.concat(rows), every, folds.class_names)
    return scores_of([answers], every, folds.class_names)


def _without_groups(
    training: Sequence[Example], held_out: Sequence[Example]
) -> tuple[Example, ...]:
    groups, names = {item.group for item in held_out}, {item.sha256 for item in held_out}
    return tuple(item for item in training if item.group not in groups and item.sha256 not in names)


def _fold(
    workplace: Workplace,
    cache: PixelCache,
    recipe: Recipe,
    *,
    kept: tuple[Example, ...],
    held_out: tuple[Example, ...],
    folds: Folds,
) -> pd.DataFrame:
    card = recipe.card
    model = build_model(card.spec, len(folds.class_names), card.config.seed)
    path = f"cross_validation/{_name(recipe, model, kept, held_out, folds)}.parquet"
    if workplace.files.exists(path):
        return pd.read_parquet(io.BytesIO(workplace.files.read(path)))
    inputs = ModelInputs(workplace, cache, model, frozen=card.spec.freeze)
    inputs.fitted(kept, folds.val, _ending(card))
    probabilities = inputs.probabilities(held_out)
    rows = pd.DataFrame(probabilities, columns=[f"p:{name}" for name in folds.class_names])
    rows.insert(0, "sha256", [item.sha256 for item in held_out])
    rows.insert(1, "predicted", [folds.class_names[k] for k in probabilities.argmax(axis=1)])
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    workplace.files.write(path, buffer.getvalue())
    return rows


def _ending(card: RunCard) -> FitConfig:
    """As long as the run itself where a person ended it, since nothing else would end a fold."""
    config = card.config
    if config.is_endless and config.patience is None:
        return replace(config, max_steps=card.fitted.steps)
    return config


def _name(
    recipe: Recipe,
    model: Model,
    kept: tuple[Example, ...],
    held_out: tuple[Example, ...],
    folds: Folds,
) -> str:
    images = [
        [(item.sha256, int(label)) for item, label in zip(part, labels_of(part), strict=True)]
        for part in (kept, held_out, folds.val)
    ]
    settings = asdict(recipe.card.config), asdict(replace(recipe.card.spec, weights=None))
    facts = [images, folds.class_names, settings, model.backbone.fingerprint]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]

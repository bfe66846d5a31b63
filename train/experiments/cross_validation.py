"""Grouped cross-validation: every held-out image is judged by a model that never saw its group.

Each fold begins with fresh weights. Only images of train that people named are held out; a
machine-made class teaches, never measures, and comes from a teacher that never saw the fold.
Validation goes on stopping and selecting, test is not touched.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from data_registry.progress import report_phase
from data_registry.storage.files import FileStore
from data_registry.storage.stored_content import read_rows
from data_registry.text.hashes import name_by_content
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.evaluation.intervals import Interval, compute_accuracy_interval
from train.experiments.champion_evaluation import RecipeScores, extract_answers, score_answers
from train.experiments.model_inputs import ModelInputs
from train.experiments.recipes import Recipe
from train.fitting.fit_config import FitConfig
from train.models.models import Model, build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

# What is learnt from while these images are held out.
TrainingOf = Callable[[Sequence[Example]], Sequence[Example]]


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


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold's model, which learnt from fresh weights.

    Attributes:
        trained_on: images it learnt from.
        held_out: images it was asked about.
        train_accuracy: on the images it learnt from, with the classes that it was given.
        accuracy, log_loss: on the held-out images.
    """

    trained_on: int
    held_out: int
    train_accuracy: float
    accuracy: float
    log_loss: float


OnFold = Callable[[Fold], None]


@dataclass(frozen=True)
class CrossValidation:
    """What all folds together say of a recipe.

    Attributes:
        scores: of every held-out image, once.
        folds: in their order.
        accuracy: on the held-out images, with its interval over groups.
        said: one row a held-out image: sha256, predicted, p:<class>.
    """

    scores: RecipeScores
    folds: tuple[Fold, ...]
    accuracy: Interval
    said: pd.DataFrame = field(repr=False)

    @property
    def train_accuracy(self) -> float:
        """Mean over the folds' training images."""
        weights = [fold.trained_on for fold in self.folds]
        return float(np.average([fold.train_accuracy for fold in self.folds], weights=weights))

    @property
    def gap(self) -> float:
        """How much better it does on what it learnt: training accuracy less held-out accuracy."""
        return self.train_accuracy - self.accuracy.estimate


@dataclass(frozen=True)
class Fitting:
    """What is fitted in every fold.

    Attributes:
        spec: the model.
        config: the fitting; its seed gives every fold's fresh weights.
    """

    spec: ModelSpec
    config: FitConfig

    @classmethod
    def of(cls, recipe: Recipe) -> "Fitting":
        """Take a recipe's model and configuration, with its first seed.

        A fold ends after as many steps as the run itself where a person ended that: nothing else
        would.
        """
        config = recipe.card.config
        if config.is_endless and config.patience is None:
            config = replace(config, max_steps=recipe.card.fitted.steps)
        return cls(recipe.card.spec, config)


def cross_validate(
    context: TrainingContext,
    fitting: Fitting,
    training_of: TrainingOf,
    folds: Folds,
    on_fold: OnFold | None = None,
) -> CrossValidation:
    """Fit once a fold, with fresh weights, without the fold's groups.

    Folds that were fitted before are read from ``cross_validation/``.

    Args:
        context: files, images, progress.
        fitting: model and configuration.
        training_of: given a fold's images, all that may be learnt from meanwhile, with classes by
            `folds.class_names` and groups as they are now.
        folds: what is held out.
        on_fold: told of each fold when it is done.
    """
    rows, found = [], []
    progress = context.progress
    with (
        report_phase(progress, "folds", len(folds.held_out)),
        PixelCache(context.read, progress) as cache,
    ):
        for held_out in folds.held_out:
            kept = exclude_held_out(training_of(held_out), held_out)
            said = _fit_fold(context, cache, fitting, kept=kept, held_out=held_out, folds=folds)
            rows.append(said[said["sha256"].isin([item.sha256 for item in held_out])])
            found.append(_score_fold(said, kept, held_out, folds.class_names))
            progress.advance()
            if on_fold is not None:
                on_fold(found[-1])
    every = [item for held_out in folds.held_out for item in held_out]
    held_out_rows = pd.concat(rows, ignore_index=True)
    answers = extract_answers(held_out_rows, every, folds.class_names)
    scores = score_answers([answers], every, folds.class_names)
    accuracy = compute_accuracy_interval(scores.correct, scores.groups)
    return CrossValidation(scores, tuple(found), accuracy, held_out_rows)


def exclude_held_out(
    training: Sequence[Example], held_out: Sequence[Example]
) -> tuple[Example, ...]:
    """Select what shares neither a group nor its bytes with the held-out images."""
    groups, names = {item.group for item in held_out}, {item.sha256 for item in held_out}
    return tuple(item for item in training if item.group not in groups and item.sha256 not in names)


def _score_fold(
    said: pd.DataFrame,
    kept: Sequence[Example],
    held_out: Sequence[Example],
    class_names: Sequence[str],
) -> Fold:
    learnt, unseen = (
        score_answers([extract_answers(said, part, class_names)], part, class_names)
        for part in (kept, held_out)
    )
    return Fold(
        trained_on=len(kept),
        held_out=len(held_out),
        train_accuracy=learnt.accuracy,
        accuracy=unseen.accuracy,
        log_loss=unseen.log_loss,
    )


def _fit_fold(
    context: TrainingContext,
    cache: PixelCache,
    fitting: Fitting,
    *,
    kept: tuple[Example, ...],
    held_out: tuple[Example, ...],
    folds: Folds,
) -> pd.DataFrame:
    """One row an image that was held out or learnt from: sha256, predicted, p:<class>."""
    model = build_model(fitting.spec, len(folds.class_names), fitting.config.seed)
    path = f"cross_validation/{_name_fold(fitting, model, kept, held_out, folds)}.parquet"
    if context.files.exists(path):
        return _read_fold(context.files, path, folds.class_names)
    inputs = ModelInputs(context, cache, model, frozen=fitting.spec.freeze)
    inputs.fit(kept, folds.val, fitting.config)
    asked = (*held_out, *kept)
    probabilities = inputs.predict(asked)
    rows = pd.DataFrame(probabilities, columns=[f"p:{name}" for name in folds.class_names])
    rows.insert(0, "sha256", [item.sha256 for item in asked])
    rows.insert(1, "predicted", [folds.class_names[k] for k in probabilities.argmax(axis=1)])
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    context.files.write(path, buffer.getvalue())
    return rows


def _read_fold(files: FileStore, path: str, class_names: Sequence[str]) -> pd.DataFrame:
    advice = "Delete it: this fold is trained again"
    chances = [f"p:{name}" for name in class_names]
    rows = read_rows(files, path, advice, texts=["sha256", "predicted"], numbers=chances)
    found: pd.DataFrame = rows.to_pandas()
    return found


def _name_fold(
    fitting: Fitting,
    model: Model,
    kept: tuple[Example, ...],
    held_out: tuple[Example, ...],
    folds: Folds,
) -> str:
    images = [
        [(item.sha256, item.class_index, *item.shares) for item in part]
        for part in (kept, held_out, folds.val)
    ]
    settings = asdict(fitting.config), asdict(replace(fitting.spec, weights=None))
    facts = [images, folds.class_names, settings, model.backbone.fingerprint]
    return name_by_content(json.dumps(facts, default=str))

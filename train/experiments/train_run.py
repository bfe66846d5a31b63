"""One run from start to end: fit, evaluate, keep."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_registry.arrays import Float32Array
from data_registry.vocabulary import Split
from train.data.dataset import Dataset, Example, collect_labels
from train.data.pixel_cache import PixelCache
from train.evaluation.metrics import Metrics, evaluate
from train.experiments.model_inputs import ModelInputs
from train.experiments.run_variant import PLAIN, RunVariant
from train.experiments.runs import (
    Run,
    RunCard,
    compute_run_id,
    is_finished,
    read_run,
    restore_run,
    save_run,
)
from train.fitting.fit import FitResult
from train.fitting.fit_config import FitConfig
from train.models.models import Model, build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext
from train.tracking.unfinished import delete_unfinished, open_unfinished

ALL = "all"


def train_one(
    context: TrainingContext,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    arm: str = ALL,
    purpose: str = "accuracy of a run",
) -> Run:
    """Train one model, or find the same run finished earlier.

    Args:
        context: files, images, callbacks.
        dataset: its train split is used whole.
        spec: the model.
        config: the fitting; `patience` stops it early.
        arm: a word for the training images used; part of the run's name.
        purpose: why the test split is read, for the log.

    Raises:
        WeightsError: the model or its weights cannot be had.
        InputError: the training did not converge.
    """
    with PixelCache(context.read, context.progress) as cache:
        return train_variant(cache, context, dataset, spec, config, arm=arm, purpose=purpose)


def train_variant(
    cache: PixelCache,
    context: TrainingContext,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    arm: str,
    purpose: str,
    variant: RunVariant = PLAIN,
) -> Run:
    """`train_one` with decoded pixels that several runs share, and for runs made otherwise."""
    model = build_model(spec, len(dataset.class_names), config.seed)
    fingerprint = variant.extend_fingerprint(model.backbone.fingerprint)
    run_id = compute_run_id(dataset.version, arm, spec, config, fingerprint)
    if is_finished(context.files, run_id):
        return read_run(context.files, run_id)
    if variant.initial_run:
        restore_run(context.files, variant.initial_run, model.classifier)
    inputs = ModelInputs(context, cache, model, frozen=spec.freeze)
    with open_unfinished(context, run_id, {"arm": arm, "model": spec, "fit": config}) as records:
        fitted = inputs.fit(dataset.train, dataset.val, config, records, variant.soft_targets)
    card = _build_card(
        run_id, arm, dataset, spec, config, model=model, fitted=fitted, variant=variant
    )
    val, val_rows = _score_split(Split.VAL.value, dataset.val, inputs, dataset.class_names)
    context.on_test_reading(run_id, purpose, len(dataset.test))
    test, test_rows = _score_split(Split.TEST.value, dataset.test, inputs, dataset.class_names)
    rows = [val_rows, test_rows]
    if variant.also_predicted:
        rows.append(_score_split("train", variant.also_predicted, inputs, dataset.class_names)[1])
    run = Run(card, val, test, pd.concat(rows, ignore_index=True))
    save_run(context.files, run, model)
    delete_unfinished(context, run_id)
    return run


def _build_card(
    run_id: str,
    arm: str,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    model: Model,
    fitted: FitResult,
    variant: RunVariant,
) -> RunCard:
    return RunCard(
        run_id=run_id,
        version=dataset.version,
        arm=arm,
        spec=spec,
        config=config,
        class_names=dataset.class_names,
        preprocessing=model.backbone.preprocessing,
        train_count=len(dataset.train),
        val_count=len(dataset.val),
        test_count=len(dataset.test),
        parameter_count=model.parameter_count,
        fitted=fitted,
        made=variant.facts,
    )


def _score_split(
    split: str, examples: Sequence[Example], inputs: ModelInputs, class_names: tuple[str, ...]
) -> tuple[Metrics, pd.DataFrame]:
    probabilities = inputs.predict(examples)
    rows = build_prediction_rows(split, examples, probabilities, class_names)
    return evaluate(probabilities, collect_labels(examples), class_names), rows


def build_prediction_rows(
    split: str,
    examples: Sequence[Example],
    probabilities: Float32Array,
    class_names: tuple[str, ...],
) -> pd.DataFrame:
    """One row an image, as a run's predictions hold it.

    Args:
        split: of all of them.
        examples: n images.
        probabilities: float32 (n, classes).
        class_names: in the order of the columns.
    """
    names = np.array(class_names)
    return pd.DataFrame(
        {
            "sha256": [example.sha256 for example in examples],
            "split": split,
            "group": [example.group for example in examples],
            "true": names[collect_labels(examples)],
            "predicted": names[probabilities.argmax(axis=1)],
            "confidence": probabilities.max(axis=1),
            **{f"p:{name}": probabilities[:, k] for k, name in enumerate(class_names)},
        }
    )

"""One run from start to end: fit, evaluate, keep."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from train.data import Dataset, Example, labels_of
from train.fit import Fitted
from train.fit_config import FitConfig
from train.metrics import Metrics, evaluate
from train.model_inputs import ModelInputs
from train.models import Model, ModelSpec, build_model
from train.pixel_cache import PixelCache
from train.runs import Run, RunCard, is_finished, read_run, run_id_of, save_run
from train.unfinished import forget_unfinished, unfinished
from train.workplace import Workplace

ALL = "all"


def train_one(
    workplace: Workplace,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    arm: str = ALL,
    purpose: str = "accuracy of a run",
) -> Run:
    """Train one model, or find the same run finished earlier.

    Args:
        workplace: files, images, callbacks.
        dataset: its train split is used whole.
        spec: the model.
        config: the fitting; `patience` stops it early.
        arm: a word for the training images used; part of the run's name.
        purpose: why the test split is read, for the log.

    Raises:
        WeightsError: the model or its weights cannot be had.
        InputError: the training did not converge.
    """
    with PixelCache(workplace.read, workplace.progress) as cache:
        return train_in(cache, workplace, dataset, spec, config, arm=arm, purpose=purpose)


def train_in(
    cache: PixelCache,
    workplace: Workplace,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    arm: str,
    purpose: str,
) -> Run:
    """`train_one` with decoded pixels that several runs share."""
    model = build_model(spec, len(dataset.class_names), config.seed)
    run_id = run_id_of(dataset.version, arm, spec, config, model.backbone.fingerprint)
    if is_finished(workplace.files, run_id):
        return read_run(workplace.files, run_id)
    inputs = ModelInputs(workplace, cache, model, frozen=spec.freeze)
    with unfinished(workplace, run_id, {"arm": arm, "model": spec, "fit": config}) as records:
        fitted = inputs.fitted(dataset.train, dataset.val, config, records)
    card = _card(run_id, arm, dataset, spec, config, model=model, fitted=fitted)
    val, val_rows = _scored("val", dataset.val, inputs, dataset.class_names)
    workplace.on_test_reading(run_id, purpose, len(dataset.test))
    test, test_rows = _scored("test", dataset.test, inputs, dataset.class_names)
    run = Run(card, val, test, pd.concat([val_rows, test_rows], ignore_index=True))
    save_run(workplace.files, run, model)
    forget_unfinished(workplace, run_id)
    return run


def _card(
    run_id: str,
    arm: str,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    model: Model,
    fitted: Fitted,
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
    )


def _scored(
    split: str, examples: Sequence[Example], inputs: ModelInputs, class_names: tuple[str, ...]
) -> tuple[Metrics, pd.DataFrame]:
    probabilities = inputs.probabilities(examples)
    truth = labels_of(examples)
    names = np.array(class_names)
    rows = pd.DataFrame(
        {
            "sha256": [example.sha256 for example in examples],
            "split": split,
            "group": [example.group for example in examples],
            "true": names[truth],
            "predicted": names[probabilities.argmax(axis=1)],
            "confidence": probabilities.max(axis=1),
            **{f"p:{name}": probabilities[:, k] for k, name in enumerate(class_names)},
        }
    )
    return evaluate(probabilities, truth, class_names), rows

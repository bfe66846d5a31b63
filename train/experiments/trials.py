"""One trial of a sweep: fit, look at validation, keep nothing but the curves."""

from train.data.dataset import Dataset
from train.data.pixel_cache import PixelCache
from train.experiments.model_inputs import ModelInputs
from train.experiments.sweeps import Watch
from train.fitting.fit_config import FitConfig
from train.fitting.learner import Check
from train.fitting.trainer import Records
from train.models.models import build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext
from train.tracking.tracking import open_loggers
from train.tracking.unfinished import flatten_facts


def measure_validation_loss(
    cache: PixelCache,
    context: TrainingContext,
    dataset: Dataset,
    spec: ModelSpec,
    config: FitConfig,
    *,
    name: str,
    watch: Watch,
) -> float:
    """Measure a model's lowest validation log-loss; test is not read.

    A trial that is killed is begun again and not gone on with, since whoever ends trials early
    must see all of its losses.

    Args:
        cache: decoded pixels, shared by the trials.
        context: files, images, progress, tracking.
        dataset: train and val of it are used.
        spec, config: what is tried.
        name: of the trial, whose curves lie in ``curves/<name>/``.
        watch: told (number of the check, loss); what it raises ends the trial.

    Raises:
        InputError: the training did not converge.
    """
    model = build_model(spec, len(dataset.class_names), config.seed)
    inputs = ModelInputs(context, cache, model, frozen=spec.freeze)
    places: list[int] = []

    def record_check(check: Check) -> None:
        places.append(check.step)
        watch(len(places), check.val_loss)

    facts = flatten_facts({"model": spec, "fit": config})
    with open_loggers(context.files, context.tracking, name, facts) as loggers:
        records = Records(loggers=loggers, on_check=record_check)
        fitted = inputs.fit(dataset.train, dataset.val, config, records)
    return min(check.val_loss for check in fitted.history)

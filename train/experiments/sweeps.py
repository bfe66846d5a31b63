"""Sweeps: settings searched by Optuna on images that are not test, pruned, and gone on with.

Every trial's sampler is seeded by the number of trials finished before it, so a sweep that was
killed goes on to the same trials as one that was not.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from data_registry.errors import InputError
from data_registry.progress import Progress, report_phase
from data_registry.storage.stored_content import name_damaged_file
from train.experiments.sweep_settings import Choices, Range, SweepSettings

_RANDOM_FIRST = 8  # trials that TPE draws at random before it has something to go by
_UNPRUNED_FIRST = 5  # finished trials whose median is worth something
_REASON = "reason"

Watch = Callable[[int, float], None]
Objective = Callable[[int, Mapping[str, Any], Watch], float]


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial.

    Attributes:
        number: counted from 0; of trials that were ended by a kill nothing is kept.
        values: what was sampled.
        loss: the objective; None where the trial was ended early.
        ended: why it was; empty where it was not.
        seconds: how long it took.
    """

    number: int
    values: Mapping[str, Any]
    loss: float | None
    ended: str
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        name: of the study in the storage.
        trials: all of them, in their order.
    """

    name: str
    trials: tuple[TrialResult, ...]

    @property
    def best(self) -> TrialResult:
        """The trial with the lowest loss.

        Raises:
            InputError: every trial was ended early.
        """
        finished = [trial for trial in self.trials if trial.loss is not None]
        if not finished:
            raise InputError(
                f"none of the {len(self.trials)} trials came to an end, the last one because: "
                f"{self.trials[-1].ended}. Narrow the space of the sweep"
            )
        return min(finished, key=lambda trial: (trial.loss, trial.number))


def run_sweep(
    storage: str, name: str, settings: SweepSettings, objective: Objective, progress: Progress
) -> Sweep:
    """Make the trials that are still missing.

    Args:
        storage: SQLAlchemy URL of Optuna's database.
        name: of the sweep in it; what was tried under this name counts.
        settings: how to search.
        objective: given the trial's number, the sampled values and whom to tell of losses on the
            way (place, loss), returns the loss. The telling may raise, which ends the trial.
        progress: advances by one a trial.

    Raises:
        InputError: see `Sweep.best`.
    """
    with _open_study(storage, name, settings) as study:
        _fail_interrupted(study)
        done = len(_list_finished(study))
        with report_phase(progress, "trials", settings.trials):
            progress.advance(min(done, settings.trials))
            for number in range(done, settings.trials):
                study.sampler = _build_sampler(settings, number)
                _run_trial(study, number, settings, objective)
                progress.advance()
        found = enumerate(_list_finished(study))
        return Sweep(name, tuple(_build_result(number, trial) for number, trial in found))


def _run_trial(
    study: optuna.Study, number: int, settings: SweepSettings, objective: Objective
) -> None:
    trial = study.ask()
    values = {key: _suggest_value(trial, key, where) for key, where in settings.space.items()}

    def watch(place: int, loss: float) -> None:
        trial.report(loss, place)
        if trial.should_prune():
            raise optuna.TrialPruned(f"above the median of the others at {place}")

    try:
        study.tell(trial, objective(number, values, watch))
    except (optuna.TrialPruned, InputError) as error:
        # What does not converge or cannot be is a finding too: TPE then looks elsewhere.
        trial.set_user_attr(_REASON, str(error))
        study.tell(trial, state=TrialState.PRUNED)


def _suggest_value(trial: Trial, key: str, where: Range | Choices) -> Any:
    if isinstance(where, Choices):
        return trial.suggest_categorical(key, where.values)
    low, high, step = where.low, where.high, where.step
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, step=int(step or 1), log=where.log)
    return trial.suggest_float(key, low, high, step=step, log=where.log)


def _build_sampler(settings: SweepSettings, number: int) -> BaseSampler:
    seed = (settings.seed * 1_000_003 + number) % 2**31
    if settings.sampler == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=_RANDOM_FIRST)


def _build_pruner(settings: SweepSettings) -> BasePruner:
    if not settings.pruning:
        return NopPruner()
    patient_until = settings.patient_until + 1  # the first place that Optuna may prune at
    return MedianPruner(n_startup_trials=_UNPRUNED_FIRST, n_warmup_steps=patient_until)


def _list_finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _fail_interrupted(study: optuna.Study) -> None:
    """Trials of a killed sweep: they are sampled again, to the same values."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _build_result(number: int, trial: FrozenTrial) -> TrialResult:
    seconds = 0.0 if trial.duration is None else trial.duration.total_seconds()
    complete = trial.state == TrialState.COMPLETE
    ended = "" if complete else str(trial.user_attrs.get(_REASON, "ended early"))
    return TrialResult(
        number=number,
        values=trial.params,
        loss=trial.value if complete else None,
        ended=ended,
        seconds=seconds,
    )


@contextmanager
def _open_study(storage: str, name: str, settings: SweepSettings) -> Iterator[optuna.Study]:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    advice = "Move it away: the sweep begins anew"
    with name_damaged_file("the sweeps' database sweeps.db", advice):
        opened = RDBStorage(storage)
    try:
        with name_damaged_file("the sweeps' database sweeps.db", advice):
            study = optuna.create_study(
                storage=opened, study_name=name, pruner=_build_pruner(settings), load_if_exists=True
            )
        yield study
    finally:
        opened.remove_session()
        opened.engine.dispose()
        optuna.logging.set_verbosity(level)

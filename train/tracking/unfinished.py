"""Unfinished runs: their checkpoints and the trackers of their curves."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from train.fitting.trainer import Records
from train.tracking.context import TrainingContext
from train.tracking.tracking import open_loggers

UNFINISHED = "unfinished"


@contextmanager
def open_unfinished(
    context: TrainingContext, run_id: str, facts: Mapping[str, Any]
) -> Iterator[Records]:
    """Open checkpoints in ``unfinished/<run>/``, so that a killed run resumes, and loggers.

    Args:
        context: where, and who is told.
        run_id: equal inputs give the same run, so what is found there belongs to it.
        facts: values and dataclasses that describe the run.
    """
    with open_loggers(context.files, context.tracking, run_id, flatten_facts(facts)) as loggers:
        yield Records(_find_folder(context, run_id), loggers)


def delete_unfinished(context: TrainingContext, run_id: str) -> None:
    """Delete the checkpoints of a run that is stored."""
    shutil.rmtree(_find_folder(context, run_id), ignore_errors=True)


def _find_folder(context: TrainingContext, run_id: str) -> Path:
    """Find the run's folder; of a remote workspace, a local one, since the run resumes here."""
    local = context.files.build_local_path(f"{UNFINISHED}/{run_id}")
    return local or Path(tempfile.gettempdir()) / f"ephyra-{UNFINISHED}" / run_id


def flatten_facts(facts: Mapping[str, Any]) -> dict[str, str | float]:
    """Flatten to one level of texts and numbers; leave out None."""
    found: dict[str, str | float] = {}
    for name, value in facts.items():
        inner = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        if isinstance(inner, Mapping):
            found |= {f"{name}.{key}": item for key, item in flatten_facts(inner).items()}
        elif inner is not None:
            found[name] = inner if isinstance(inner, int | float) else str(inner)
    return found

"""Running the flow in this process, without any server set up."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_registry.progress import Progress
from flows.project_file import load_project

# Prefect starts a small server of its own for the length of the run. It calls nobody, and leaves it
# to the command to say what went wrong: whatever a stage raises reaches it.
_QUIET_PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}


def run_in_process(
    project: Path, labelled_set: Path | None, progress: Progress
) -> Mapping[str, Any]:
    """Run `collect-and-label` here and return what each stage found.

    Raises:
        EphyraError: whatever a stage raised; the stages before it are kept.
    """
    load_project(project)  # a mistake in it is told before a server is started
    for name, value in _QUIET_PREFECT.items():
        os.environ.setdefault(name, value)
    from flows.collect_and_label import collect_and_label
    from flows.progress import reporting

    with reporting(progress):
        found: Mapping[str, Any] = collect_and_label(
            project.resolve(), labelled_set.resolve() if labelled_set else None
        )
    return found

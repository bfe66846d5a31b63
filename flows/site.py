"""The site of a project: the review app with the reports beside it, on this machine alone.

Run as a process of its own: ``python -m flows.site PROJECT PORT``.
"""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fastapi import FastAPI

from data_registry.errors import InputError
from data_registry.registry import Registry
from flows.project_file import load_project
from flows.report_files import REPORTS
from flows.reviewing import class_names
from flows.workspace import open_workspace
from labeling.review_app.app import ReviewSite, create_app

HOST = "127.0.0.1"


def site_of(project: Path) -> FastAPI:
    """The app of a project.

    Raises:
        ProjectFileError: the project file is missing or wrong.
    """
    file = load_project(project)

    @contextmanager
    def opened() -> Iterator[Registry]:
        with open_workspace(project) as workspace:
            yield workspace.registry

    def report(path: str) -> bytes:
        if ".." in PurePosixPath(path).parts:
            raise InputError(f"{path} is no report")
        with opened() as registry:
            return registry.files.read(f"{REPORTS}/{path}")

    def on_answers() -> str:
        from flows.deployments.asking import ask_for_retrain

        return ask_for_retrain(project)

    with open_workspace(project) as workspace:
        names = class_names(workspace)
    return create_app(
        ReviewSite(
            project=file.project.name,
            open_registry=opened,
            class_names=names,
            person=getpass.getuser(),
            on_answers=on_answers,
            after=file.schedule.retrain_after_answers,
            report=report,
        )
    )


def serve(project: Path, port: int) -> None:
    """Serve the site until the process is told to end."""
    import uvicorn

    uvicorn.run(site_of(project), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))

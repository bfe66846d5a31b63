"""The site of a project: the review app and the reports, served to this machine only.

Run as its own process: ``python -m flows.deployments.review_site PROJECT PORT``. The token that
visitors need is in the environment (`labeling.review.site_security.owner_token`), because every
user of a machine can read the arguments of its processes.
"""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from fastapi import FastAPI

from data_registry.errors import InputError
from data_registry.registry import Registry
from flows.config.loader import load_project
from flows.config.workspace import open_workspace
from flows.reports.html_pages import read_inline_scripts
from flows.reports.paths import REPORTS
from flows.stages.reviewing import list_class_names
from labeling.review.review_app.app import ReviewSite, create_app
from labeling.review.site_security.owner_token import (
    TOKEN_VARIABLE,
    build_start_address,
    create_token,
)

HOST = "127.0.0.1"


def create_site(project: Path, token: str) -> FastAPI:
    """Create the app of a project.

    Args:
        project: its folder.
        token: required of visitors.

    Raises:
        ProjectFileError: the project file is missing or wrong.
    """
    file = load_project(project)

    @contextmanager
    def open_registry() -> Iterator[Registry]:
        with open_workspace(project) as workspace:
            yield workspace.registry

    def read_report(path: str) -> bytes:
        if not path.isprintable() or ".." in PurePosixPath(path).parts:
            raise InputError("this is the path of no report")
        with open_registry() as registry:
            return registry.files.read(f"{REPORTS}/{path}")

    with open_workspace(project) as workspace:
        names = list_class_names(workspace)
    return create_app(
        ReviewSite(
            project=file.project.name,
            open_registry=open_registry,
            class_names=names,
            person=getpass.getuser(),
            on_answers=partial(_ask_for_retrain, project),
            after=file.schedule.retrain_after_answers,
            report=read_report,
            token=token,
            report_scripts=read_inline_scripts(),
        )
    )


def _ask_for_retrain(project: Path) -> str:
    from flows.deployments.retrain_request import ask_for_retrain

    return ask_for_retrain(project)


def serve(project: Path, port: int, tell: Callable[[str], object]) -> None:
    """Serve the site until the process is told to end.

    Args:
        project: its folder.
        port: of this machine.
        tell: given the address to open first.
    """
    from labeling.review.site_security import server

    token = create_token()
    app = create_site(project, token)
    tell(build_start_address(f"http://{HOST}:{port}", token))
    server.serve(app, port)


def main() -> None:
    """Serve the project that the arguments name; print the address unless the token was given."""
    is_stated = bool(os.environ.get(TOKEN_VARIABLE))
    tell = (lambda _: None) if is_stated else (lambda address: sys.stdout.write(f"{address}\n"))
    serve(Path(sys.argv[1]), int(sys.argv[2]), tell)


if __name__ == "__main__":
    main()

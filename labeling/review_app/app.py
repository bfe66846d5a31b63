"""The review app's pages (FastAPI): plain forms, so that it works without any script."""

import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, select_autoescape

from data_registry.errors import EphyraError
from data_registry.pixels import decode
from labeling.answer_file import NONE
from labeling.local_site import local_app
from labeling.review_app.questions import (
    OpenRegistry,
    next_question,
    record_answer,
)

_SEE_OTHER = 303
_LONGEST_SIDE = 1200  # pixels shown
_NOT_FOUND = 404

_pages = Environment(
    loader=PackageLoader("labeling.review_app"), autoescape=select_autoescape(["j2"])
)


class AnswerCounter:
    """Answers since somebody was told of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, after: int, finished: bool) -> bool:
        """Count one more; whether it is time to tell."""
        with self._lock:
            self._count += 1
            due = finished or self._count >= after
            self._count = 0 if due else self._count
            return due


@dataclass(frozen=True)
class ReviewSite:
    """What the app needs around it.

    Attributes:
        project: its name.
        open_registry: opens the registry for the length of a `with`.
        class_names: what may be answered.
        person: who answers.
        on_answers: called when enough answers are new, or on request; says what came of it.
        after: that many.
        report: gives a file of the reports by its path below them.
    """

    project: str
    open_registry: OpenRegistry
    class_names: Sequence[str]
    person: str
    on_answers: Callable[[], str]
    after: int
    report: Callable[[str], bytes]
    counter: AnswerCounter = field(default_factory=AnswerCounter)


def create_app(site: ReviewSite) -> FastAPI:
    """The app; it answers this machine alone."""
    app = local_app("Ephyra review", foreign_pages="/reports/")
    _add_pages(app, site)
    _add_files(app, site)
    return app


def _add_pages(app: FastAPI, site: ReviewSite) -> None:
    @app.get("/", response_class=HTMLResponse)
    def ask(told: str = "") -> str:
        with site.open_registry() as registry:
            question = next_question(registry)
        return _pages.get_template("question.html.j2").render(
            site=site, question=question, none_answer=NONE, told=told
        )

    @app.post("/answer")
    def take(sha256: Annotated[str, Form()], answer: Annotated[str, Form()]) -> Response:
        try:
            with site.open_registry() as registry:
                record_answer(registry, sha256, answer, site.person, site.class_names)
                finished = next_question(registry) is None
        except EphyraError as error:
            return _back(str(error))
        return _back(site.on_answers() if site.counter.add(site.after, finished) else "")

    @app.post("/retrain")
    def tell() -> Response:
        return _back(site.on_answers())


def _back(told: str) -> Response:
    return RedirectResponse(f"/?{urlencode({'told': told})}" if told else "/", _SEE_OTHER)


def _add_files(app: FastAPI, site: ReviewSite) -> None:
    @app.get("/image/{sha256}")
    def image(sha256: str) -> Response:
        try:
            with site.open_registry() as registry:
                picture = decode(registry.read_image(sha256)).image
        except EphyraError as error:
            return Response(str(error), _NOT_FOUND)
        picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        return Response(buffer.getvalue(), media_type="image/jpeg")

    @app.get("/keys.js")
    def keys() -> Response:
        script = _pages.get_template("keys.js").render()
        return Response(script, media_type="text/javascript")

    @app.get("/reports/{path:path}")
    def report(path: str) -> Response:
        try:
            data = site.report(path)
        except EphyraError as error:
            return Response(str(error), _NOT_FOUND)
        return Response(data, media_type="text/html" if path.endswith(".html") else "image/png")

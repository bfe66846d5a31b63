"""The review app's pages (FastAPI): plain forms, so that it works without any script."""

import io
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, select_autoescape

from data_registry.errors import EphyraError
from data_registry.images.pixels import decode_stored
from data_registry.labels.class_words import ClassWords
from data_registry.text.printable import make_value_printable
from labeling.review.local_site import create_local_app
from labeling.review.review_app.messages import Messages
from labeling.review.review_app.questions import OpenRegistry, find_next_question, record_answer
from labeling.review.site_security.errors import Refusal
from labeling.review.site_security.headers import build_document_policy
from labeling.review.site_security.request_bodies import BodyLimits

_LONGEST_SIDE = 1200  # pixels shown
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPORTS = "/reports/"
# What a report's folder may hold; nothing else is handed out.
_REPORT_TYPES = {
    ".html": "text/html",
    ".png": "image/png",
    ".csv": "text/csv",
    ".json": "application/json",
}
_LARGEST_FORM = 100_000  # bytes

_pages = Environment(
    loader=PackageLoader("labeling.review.review_app"),
    autoescape=select_autoescape(["j2"]),
    finalize=make_value_printable,
)


class AnswerCounter:
    """Counts the answers since the last notification."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, after: int, finished: bool) -> bool:
        """Count one more answer; return whether it is time to notify."""
        with self._lock:
            self._count += 1
            due = finished or self._count >= after
            self._count = 0 if due else self._count
            return due


@dataclass(frozen=True, kw_only=True)
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
        token: what a request must know, see `labeling.review.site_security.owner_token`.
        report_scripts: the inline scripts that may run in a report.
    """

    project: str
    open_registry: OpenRegistry
    class_names: Sequence[str]
    person: str
    on_answers: Callable[[], str]
    after: int
    report: Callable[[str], bytes]
    token: str
    report_scripts: Sequence[str] = ()
    counter: AnswerCounter = field(default_factory=AnswerCounter)
    messages: Messages = field(default_factory=Messages)


def create_app(site: ReviewSite) -> FastAPI:
    """Create the app; it answers this machine's owner alone."""
    policies = {_REPORTS: build_document_policy(site.report_scripts)}
    app = create_local_app("Ephyra review", site.token, BodyLimits(_LARGEST_FORM), policies)
    _add_pages(app, site)
    _add_files(app, site)
    return app


def _add_pages(app: FastAPI, site: ReviewSite) -> None:
    none_word = ClassWords(site.class_names).none_word

    @app.get("/", response_class=HTMLResponse)
    def ask(told: str = "") -> str:
        with site.open_registry() as registry:
            question = find_next_question(registry)
        return _pages.get_template("question.html.j2").render(
            site=site, question=question, none_answer=none_word, told=site.messages.find(told)
        )

    @app.post("/answer")
    def take(sha256: Annotated[str, Form()], answer: Annotated[str, Form()]) -> Response:
        try:
            with site.open_registry() as registry:
                record_answer(registry, sha256, answer, site.person, site.class_names)
                finished = find_next_question(registry) is None
        except EphyraError as error:
            return _redirect_to_queue(site, str(error))
        return _redirect_to_queue(
            site, site.on_answers() if site.counter.add(site.after, finished) else ""
        )

    @app.post("/retrain")
    def tell() -> Response:
        return _redirect_to_queue(site, site.on_answers())


def _redirect_to_queue(site: ReviewSite, message: str) -> Response:
    query = f"?{urlencode({'told': site.messages.keep(message)})}" if message else ""
    return RedirectResponse(f"/{query}", HTTPStatus.SEE_OTHER)


def _add_files(app: FastAPI, site: ReviewSite) -> None:
    @app.get("/image/{sha256}")
    def serve_image(sha256: str) -> Response:
        if not _SHA256.fullmatch(sha256):
            raise Refusal(HTTPStatus.NOT_FOUND, "an image is named by the 64 digits of its SHA-256")
        try:
            with site.open_registry() as registry:
                picture = decode_stored(registry.read_image(sha256), _LONGEST_SIDE).image
        except EphyraError:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such image") from None
        picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        return Response(buffer.getvalue(), media_type="image/jpeg")

    @app.get("/keys.js")
    def serve_keys() -> Response:
        script = _pages.get_template("keys.js").render()
        return Response(script, media_type="text/javascript")

    @app.get(_REPORTS + "{path:path}")
    def serve_report(path: str) -> Response:
        kind = _REPORT_TYPES.get(PurePosixPath(path).suffix)
        try:
            data = site.report(path) if kind else None
        except EphyraError:
            data = None
        if data is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such report; `ephyra report` has all")
        return Response(data, media_type=kind)

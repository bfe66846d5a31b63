"""The prediction site (FastAPI): an upload page, and the same for programs as JSON."""

import base64
import threading
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from data_registry.errors import ImageError, StorageError
from data_registry.thumbnails import thumbnail
from flows.plain import plain
from flows.predicting import FilePrediction, Predictor
from labeling.local_site import local_app
from labeling.site_security.request_bodies import BodyLimits

MOST_IMAGES = 32
_TOP = 5
_SIDE = 320
_BAD = 422
_NO_IMAGE = "no image was sent; expected files in the field images"

_pages = Environment(
    loader=PackageLoader("flows.prediction_site"), autoescape=True, undefined=StrictUndefined
)
_pages.filters["percent"] = lambda share: f"{100 * share:.1f}"

Upload = tuple[str, bytes]
Answers = Callable[[Sequence[Upload]], list[FilePrediction]]


def create_app(project: str, predictor: Predictor, max_bytes: int, token: str) -> FastAPI:
    """The app; it answers this machine's owner alone.

    Args:
        project: its name.
        predictor: the champion and the gate.
        max_bytes: of one image; a request may hold no more than `MOST_IMAGES` of them.
        token: what a request must know, see `labeling.site_security.owner_token`.
    """
    app = local_app("Ephyra", token, BodyLimits(MOST_IMAGES * max_bytes))
    turn = threading.Lock()  # one request computes at a time: a model is moved to compute

    def answers(uploads: Sequence[Upload]) -> list[FilePrediction]:
        with turn:
            return predictor.answers([(name, _fit(data, max_bytes)) for name, data in uploads])

    _add_routes(app, _Page(project, predictor, max_bytes), answers)
    return app


class _Page:
    """The upload page, empty or with answers."""

    def __init__(self, project: str, predictor: Predictor, max_bytes: int) -> None:
        self._facts = {
            "project": project,
            "run_id": predictor.run_id,
            "class_names": predictor.class_names,
            "calibrated": predictor.is_calibrated,
            "most": MOST_IMAGES,
            "megabytes": max_bytes / 1e6,
            "top": _TOP,
        }

    def __call__(self, shown: Sequence[tuple[FilePrediction, str]] = (), trouble: str = "") -> str:
        page = _pages.get_template("predict.html.j2")
        return page.render(**self._facts, shown=shown, trouble=trouble)


def _add_routes(app: FastAPI, page: _Page, answers: Answers) -> None:
    @app.get("/", response_class=HTMLResponse)
    def ask() -> str:
        return page()

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, _: RequestValidationError) -> Response:
        if request.url.path == "/":
            return HTMLResponse(page(trouble=_NO_IMAGE), _BAD)
        return JSONResponse({"error": _NO_IMAGE}, _BAD)

    @app.post("/", response_class=HTMLResponse)
    def show(images: Annotated[list[UploadFile], File()]) -> HTMLResponse:
        if trouble := _trouble(images):
            return HTMLResponse(page(trouble=trouble), _BAD)
        uploads = _read(images)
        pictures = [_data_url(data) for _, data in uploads]
        return HTMLResponse(page(list(zip(answers(uploads), pictures, strict=True))))

    @app.post("/predict")
    def tell(images: Annotated[list[UploadFile], File()]) -> JSONResponse:
        if trouble := _trouble(images):
            return JSONResponse({"error": trouble}, _BAD)
        return JSONResponse({"predictions": plain(answers(_read(images)))})


def _trouble(images: Sequence[UploadFile]) -> str:
    if len(images) <= MOST_IMAGES:
        return ""
    return f"{len(images)} images were sent; expected at most {MOST_IMAGES} at once"


def _read(images: Sequence[UploadFile]) -> list[Upload]:
    return [(image.filename or "image", image.file.read()) for image in images]


def _fit(data: bytes, max_bytes: int) -> bytes | ImageError:
    if len(data) <= max_bytes:
        return data
    return ImageError(
        "too_large", f"{len(data) / 1e6:.1f} MB; expected at most {max_bytes / 1e6:g} MB"
    )


def _data_url(data: bytes) -> str:
    """A thumbnail for the page; empty where the bytes are no image."""
    try:
        jpeg = thumbnail("", lambda _: data, _SIDE)
    except (ImageError, StorageError):
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""

"""The prediction site (FastAPI): an upload page, and the same for programs as JSON."""

import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from data_registry.errors import ImageError
from data_registry.images.image_limits import ImageLimits, refuse_large
from data_registry.images.pixels import decode
from data_registry.images.thumbnails import encode_square_jpeg
from data_registry.text.printable import make_value_printable
from data_registry.text.wording import format_class_name
from flows.prediction.inputs import Picture
from flows.prediction.predicting import FilePrediction, Predictor
from flows.shared.serialisation import make_plain
from labeling.review.local_site import create_local_app
from labeling.review.site_security.request_bodies import BodyLimits

MOST_IMAGES = 32
_TOP = 5
_SIDE = 320
_BAD = 422
_NO_IMAGE = "no image was sent; expected files in the field images"

_pages = Environment(
    loader=PackageLoader("flows.prediction.site"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=make_value_printable,
)
_pages.filters["class_name"] = format_class_name
_pages.filters["percent"] = lambda share: f"{100 * share:.1f}"

Answers = Callable[[Sequence[UploadFile]], list[FilePrediction]]


def create_app(project: str, predictor: Predictor, max_bytes: int, token: str) -> FastAPI:
    """Create the app; it answers this machine's owner alone.

    Args:
        project: its name.
        predictor: the champion and the gate.
        max_bytes: of one image; a request may hold no more than `MOST_IMAGES` of them.
        token: what a request must know, see `labeling.review.site_security.owner_token`.
    """
    app = create_local_app("Ephyra", token, BodyLimits(MOST_IMAGES * max_bytes))
    turn = threading.Lock()  # one request computes at a time: a model is moved to compute

    def predict(uploads: Sequence[UploadFile]) -> list[FilePrediction]:
        with turn:
            return predictor.predict(_read_uploads(uploads, max_bytes))

    limits = replace(predictor.limits, max_bytes=max_bytes)
    _add_routes(app, _Page(project, predictor, max_bytes), predict, limits)
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


def _add_routes(app: FastAPI, page: _Page, predict: Answers, limits: ImageLimits) -> None:
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
        if trouble := _explain_refusal(images):
            return HTMLResponse(page(trouble=trouble), _BAD)
        found = predict(images)
        shown = [
            (item, _build_data_url(image, limits))
            for item, image in zip(found, images, strict=True)
        ]
        return HTMLResponse(page(shown))

    @app.post("/predict")
    def tell(images: Annotated[list[UploadFile], File()]) -> JSONResponse:
        if trouble := _explain_refusal(images):
            return JSONResponse({"error": trouble}, _BAD)
        return JSONResponse({"predictions": make_plain(predict(images))})


def _explain_refusal(images: Sequence[UploadFile]) -> str:
    if len(images) <= MOST_IMAGES:
        return ""
    return f"{len(images)} images were sent; expected at most {MOST_IMAGES} at once"


def _read_uploads(images: Iterable[UploadFile], max_bytes: int) -> Iterator[Picture]:
    """Read the uploads one by one: the rest waits on disk."""
    for image in images:
        name = image.filename or "image"
        try:
            yield name, _read(image, max_bytes)
        except ImageError as error:
            yield name, error


def _read(image: UploadFile, max_bytes: int) -> bytes:
    refuse_large(image.size or 0, max_bytes)
    image.file.seek(0)
    return image.file.read(max_bytes)


def _build_data_url(image: UploadFile, limits: ImageLimits) -> str:
    """Build a thumbnail for the page; empty where the bytes are no image."""
    try:
        shown = decode(_read(image, limits.max_bytes), limits, _SIDE).image
    except ImageError:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_square_jpeg(shown, _SIDE)).decode()}"

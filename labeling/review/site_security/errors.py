"""Errors in plain text that repeat nothing of the request, so that it can bring no markup in."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException


class Refusal(HTTPException):
    """A request that is refused in fixed words; nothing of the request may stand in them."""

    def __init__(
        self, status: HTTPStatus, words: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, words, headers)


def refuse_in_plain_text(app: FastAPI) -> None:
    """Answer every error of an app in plain text."""

    @app.exception_handler(HTTPException)
    async def refuse(_request: Request, error: HTTPException) -> Response:
        # The words of other libraries' errors may quote the request.
        words = error.detail if isinstance(error, Refusal) else HTTPStatus(error.status_code).phrase
        return PlainTextResponse(
            f"{error.status_code}: {words}", error.status_code, headers=error.headers
        )

    @app.exception_handler(RequestValidationError)
    async def refuse_form(_request: Request, _error: RequestValidationError) -> Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return PlainTextResponse(f"{status.value}: a field is missing or unreadable", status)

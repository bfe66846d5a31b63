"""What the sites on this machine have in common: only their owner is answered."""

from collections.abc import Mapping
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from labeling.review.site_security.errors import refuse_in_plain_text
from labeling.review.site_security.headers import SecurityHeaders
from labeling.review.site_security.owner_token import OwnerOnly
from labeling.review.site_security.request_bodies import BodyLimits, LimitedBodies
from labeling.review.site_security.same_origin import OwnFormsOnly

_NAMES = ["127.0.0.1", "localhost"]


def create_local_app(
    title: str, token: str, limits: BodyLimits, policies: Mapping[str, str] | None = None
) -> FastAPI:
    """Create an app that answers its owner on this machine alone.

    Args:
        title: of the app.
        token: what a request must know, see `labeling.review.site_security.owner_token`.
        limits: on the bodies of requests.
        policies: another Content-Security-Policy by the beginning of a path, for pages that bring
            scripts of their own.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    refuse_in_plain_text(app)
    # The middleware added last is asked first.
    app.add_middleware(LimitedBodies, limits=limits)
    app.add_middleware(OwnerOnly, token=token)
    app.add_middleware(OwnFormsOnly)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_NAMES)
    app.add_middleware(SecurityHeaders, policies=policies or {})

    @app.get("/favicon.ico")
    def show_icon() -> Response:
        icon = files("labeling.review.site_security").joinpath("favicon.svg").read_bytes()
        return Response(icon, media_type="image/svg+xml")

    return app

"""Variables for the Prefect processes that we start: no telemetry, no access without the secret."""

from urllib.parse import urlsplit

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Else `python -m` searches the project's folder first, and finds a user's own train.py.
    "PYTHONSAFEPATH": "1",
}


def guard_server(api: str, secret: str) -> dict[str, str]:
    """Build variables for a server that only answers clients with the secret.

    Prefect's own defaults ask for no secret and let the pages of every web site call the API.
    """
    parts = urlsplit(api)
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"{parts.scheme}://{parts.netloc}",
    }

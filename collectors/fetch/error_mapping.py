"""Translate the errors of requests and urllib3 into outcomes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from collectors.fetch.fetched import FetchFailure
from collectors.outcomes import Outcome

_URLLIB3_OBJECT = re.compile(r"^(?:\w*Connection|\w*Pool)\([^)]*\): ")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors inside the `with` into `FetchFailure`.

    Almost all are urllib3's; requests encodes URLs.
    """
    try:
        yield
    except urllib3.exceptions.NewConnectionError as error:  # a refused one is a timeout by its type
        raise FetchFailure(Outcome.CONNECTION_FAILED, _explain(error)) from error
    except (urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise FetchFailure(Outcome.TIMEOUT, _explain(error)) from error
    except urllib3.exceptions.DecodeError as error:
        raise FetchFailure(Outcome.BROKEN_ENCODING, str(error)) from error
    except (
        requests.exceptions.InvalidURL,
        urllib3.exceptions.LocationValueError,
        UnicodeError,
    ) as error:
        raise FetchFailure(Outcome.UNSUPPORTED_URL, f"the URL is malformed: {error}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchFailure(Outcome.CONNECTION_FAILED, _explain(error)) from error


def _explain(error: Exception) -> str:
    """Explain an error without urllib3's objects, which it puts in front of the words."""
    words = error.args[-1] if error.args and isinstance(error, urllib3.exceptions.HTTPError) else ""
    return _URLLIB3_OBJECT.sub("", words if isinstance(words, str) and words else str(error))

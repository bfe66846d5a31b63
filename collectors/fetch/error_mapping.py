"""Translate the errors of requests and urllib3 into outcomes."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from collectors.fetch.fetched import FetchFailure
from collectors.outcomes import Outcome


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors inside the `with` into `FetchFailure`.

    Almost all are urllib3's; requests encodes URLs.
    """
    try:
        yield
    except urllib3.exceptions.NewConnectionError as error:  # a refused one is a timeout by its type
        raise FetchFailure(Outcome.CONNECTION_FAILED, str(error)) from error
    except (urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise FetchFailure(Outcome.TIMEOUT, str(error)) from error
    except urllib3.exceptions.DecodeError as error:
        raise FetchFailure(Outcome.BROKEN_ENCODING, str(error)) from error
    except (
        requests.exceptions.InvalidURL,
        urllib3.exceptions.LocationValueError,
        UnicodeError,
    ) as error:
        raise FetchFailure(Outcome.UNSUPPORTED_URL, f"the URL is malformed: {error}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchFailure(Outcome.CONNECTION_FAILED, str(error)) from error

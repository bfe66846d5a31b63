"""The errors of requests and urllib3 under the names of outcomes."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from collectors.fetched import FetchFailure
from collectors.outcomes import Outcome


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn what goes wrong inside into `FetchFailure`.

    Before the headers requests wraps urllib3's errors in its own; the body is read from urllib3.
    """
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise FetchFailure(Outcome.TIMEOUT, str(error)) from error
    except urllib3.exceptions.DecodeError as error:
        raise FetchFailure(Outcome.BROKEN_ENCODING, str(error)) from error
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        urllib3.exceptions.LocationValueError,
        UnicodeError,
    ) as error:
        raise FetchFailure(Outcome.UNSUPPORTED_URL, f"the URL is malformed: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchFailure(Outcome.CONNECTION_FAILED, str(error)) from error

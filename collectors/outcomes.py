"""Every outcome that a candidate can have."""

from enum import StrEnum

from data_registry.images import records


class Outcome(StrEnum):
    """The outcome of an attempt: its name in the row, its meaning, whether to try again.

    Attributes:
        explanation: one line for people.
        retryable: True where the same candidate may succeed later.
    """

    explanation: str
    retryable: bool

    def __new__(cls, name: str, explanation: str = "", retryable: bool = False) -> "Outcome":
        """Create a member whose value is the name alone, so that `Outcome("stored")` finds it."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.explanation = explanation
        member.retryable = retryable
        return member

    STORED = records.STORED, "a new image, checked and stored", False
    KNOWN = "known", "the same bytes are already stored; only the source is new", False
    NOT_KEPT = records.NOT_KEPT, "collected before, turned down and not kept (`ephyra gc`)", False
    TOMBSTONED = records.TOMBSTONED, "the image was taken down and must not come back", False

    NOT_FOUND = "not_found", "the server says that there is nothing (404 or 410)", False
    HTTP_ERROR = "http_error", "the server refused with another status than those named", False
    SERVER_ERROR = "server_error", "the server failed (a status of 500 or more)", True
    RATE_LIMITED = "rate_limited", "the server still asked to slow down (429) at the last try", True
    TIMEOUT = "timeout", "no complete answer within the time allowed", True
    CONNECTION_FAILED = "connection_failed", "no connection, or it broke before the end", True
    TOO_MANY_REDIRECTS = "too_many_redirects", "redirected more often than is followed", False
    REFUSED_NOAI = "refused_noai", "the owner refuses this use (X-Robots-Tag)", False
    REFUSED_TDM = "refused_tdm", "the owner reserves text and data mining (tdm-reservation)", False
    REFUSED_ROBOTS = "refused_robots", "the site's robots.txt keeps us out", False
    REFUSED_LICENCE = "refused_licence", "[collect] licences does not name its licence", False
    UNKNOWN_LICENCE = "unknown_licence", "no licence; [collect] allow_unknown is false", False
    REFUSED_ADDRESS = "refused_address", "the host is no public machine", False
    UNSUPPORTED_URL = "unsupported_url", "not http or https, malformed, or with a password", False
    BROKEN_ENCODING = "broken_encoding", "the body is not what its Content-Encoding says", False
    ENCODING_BOMB = "encoding_bomb", "a small body that unpacks to more than is accepted", False
    STOPPED = "stopped", "the collection ended before the host could be asked", True
    UNREADABLE_FILE = "unreadable_file", "the local file cannot be read", True

    TOO_LARGE = "too_large", "more bytes than are accepted", False
    NOT_AN_IMAGE = "not_an_image", "the bytes are of no known image format", False
    VECTOR_IMAGE = "vector_image", "SVG: instructions for drawing, no pixels", False
    POLYGLOT = "polyglot", "an image that is an archive, a page or a script as well", False
    METADATA_BOMB = "metadata_bomb", "metadata that unpack to more than any image needs", False
    DECODING_BOMB = "decoding_bomb", "built so that decoding it takes for ever", False
    TRUNCATED = "truncated", "the image's data is incomplete or broken", False
    TOO_MANY_PIXELS = "too_many_pixels", "more pixels than are decoded", False
    TOO_MUCH_MEMORY = "too_much_memory", "decoding it takes more memory than is allowed", False
    TOO_SMALL = "too_small", "the shorter side has too few pixels", False
    TOO_NARROW = "too_narrow", "one side is many times as long as the other", False
    BLANK = "blank", "one flat colour, or nearly", False

    UNEXPECTED_ERROR = "unexpected_error", "an error that nobody foresaw; see the detail", True

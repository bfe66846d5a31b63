"""Hide secrets in everything that is printed, logged or stored.

`EphyraError` hides them in each message, so no place that raises one needs to think of it.
"""

import re
from urllib.parse import quote, quote_plus

HIDDEN = "***"

_NAMES = (
    "api_?key|access_?key(?:_?id)?|secret_?key|key|token|secret|password|passwd|passphrase|pwd|pass"
    "|signature|sig|auth|authorization|credentials?|session|jwt"
)
# user:password@ before a host. A password may hold any character, so what has a user's colon is
# read up to the last @; http addresses may have an @ in their path, which is no secret.
_IN_AUTHORITY = re.compile(r"""(?P<scheme>\b[a-z][a-z0-9+.\-]*://)[^\s/?#"'<>]*@""", re.IGNORECASE)
_BEHIND_A_COLON = re.compile(
    r"""(?P<scheme>\b(?!https?:)[a-z][a-z0-9+.\-]*://)[^\s:/"'<>]*:[^\s"'<>]*@""", re.IGNORECASE
)
_IN_A_QUERY = re.compile(
    rf"""(?P<name>[?&;](?:[\w.\-]*[_\-])?(?:{_NAMES})=)[^\s&;"'<>)]+""", re.IGNORECASE
)
_UNDER_A_NAME = re.compile(
    r"""(?P<name>(?<![\w])["']?(?:\w*[_\-])?
        (?:api_?key|access_?key|secret_?key|token|secret|password|passwd|passphrase)
        ["']?\s*[=:]\s*)
        (?P<quote>["']?)[^\s"',;&)\]}]+(?P=quote)""",
    re.IGNORECASE | re.VERBOSE,
)
_SECRET_NAME = re.compile(rf"(?:\w*[_\-])?(?:{_NAMES})", re.IGNORECASE)


def hide_secrets(text: str) -> str:
    """Replace the passwords, keys and tokens of every address in a text."""
    if "://" in text:
        text = _IN_AUTHORITY.sub(rf"\g<scheme>{HIDDEN}@", _hide_long_passwords(text))
    if "=" in text or ":" in text:
        text = _IN_A_QUERY.sub(rf"\g<name>{HIDDEN}", text)
        text = _UNDER_A_NAME.sub(rf"\g<name>\g<quote>{HIDDEN}\g<quote>", text)
    return text


def _hide_long_passwords(text: str) -> str:
    return _BEHIND_A_COLON.sub(rf"\g<scheme>{HIDDEN}@", text)


def hide_login(url: str) -> str:
    """Remove the user name and password from an address."""
    return _IN_AUTHORITY.sub(rf"\g<scheme>{HIDDEN}@", url)


def hide_known_secret(text: str, secret: str) -> str:
    """Replace a known secret, quoted or not."""
    quoted = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    quoted |= {quote(form, safe="") for form in quoted}
    for form in sorted(quoted - {""}, key=len, reverse=True):
        text = re.sub(re.escape(form), HIDDEN, text, flags=re.IGNORECASE)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    return bool(_SECRET_NAME.fullmatch(name))


def select_safe_cause(error: BaseException) -> BaseException | None:
    """Return the error for `raise … from`, or None where its traceback would show a secret."""
    return error if hide_secrets(str(error)) == str(error) else None

"""Secrets in addresses: taken out of everything that is printed, logged or kept."""

import re

HIDDEN = "***"

# user:password@ before a host. A password may hold any character, so what has a user's colon is
# read up to the last @; http addresses may have an @ in their path, which is no secret.
_IN_AUTHORITY = re.compile(r"""(?P<scheme>\b[a-z][a-z0-9+.\-]*://)[^\s/?#"'<>]*@""", re.IGNORECASE)
_BEHIND_A_COLON = re.compile(
    r"""(?P<scheme>\b(?!https?:)[a-z][a-z0-9+.\-]*://)[^\s:/"'<>]*:[^\s"'<>]*@""", re.IGNORECASE
)
_IN_A_QUERY = re.compile(
    r"""(?P<name>[?&;][^\s=&;"'<>]*
        (?:key|token|secret|passw|pwd|signature|\bsig|auth|credential|session)[^\s=&;"'<>]*=)
        [^\s&;"'<>)]+""",
    re.IGNORECASE | re.VERBOSE,
)


def hide_secrets(text: str) -> str:
    """The text with the passwords, keys and tokens of every address in it replaced."""
    if "://" not in text and "=" not in text:
        return text
    text = _BEHIND_A_COLON.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _IN_AUTHORITY.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _IN_A_QUERY.sub(rf"\g<name>{HIDDEN}", text)

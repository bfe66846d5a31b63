"""Write the attribution of each image (creator, licence, source) as a table and as Markdown."""

from collections.abc import Hashable, Mapping

import pandas as pd

from data_registry.text.printable import make_one_line, make_printable
from data_registry.text.wording import count_noun

NOT_STATED = "not stated"
_COLUMNS = {
    "file": "file",
    "title": "title",
    "creator": "creator",
    "licence": "licence",
    "licence_url": "licence_url",
    "page_url": "page_url",
    "url": "source_url",
    "provider": "provider",
    "sha256": "sha256",
}
# Characters with a meaning in Markdown; a title may hold any of them.
_MARKED = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]()<>#+!|~"})


def build_attribution_table(images: pd.DataFrame) -> pd.DataFrame:
    """Build a table with one row for each image.

    Args:
        images: see `Contents.images`, with a column file: its path in the export.

    Returns:
        Columns file, title, creator, licence, licence_url, page_url, source_url, provider, sha256.
    """
    return images[list(_COLUMNS)].rename(columns=_COLUMNS)


def format_attribution(images: pd.DataFrame) -> str:
    """Format the attribution as Markdown, by licence; only web addresses become links."""
    lines = ["# Attribution", ""]
    named = images.assign(licence=images["licence"].replace("", NOT_STATED))
    for (licence, url), rows in named.groupby(["licence", "licence_url"]):
        lines += [
            f"## {_format_link(str(licence), str(url))}: {count_noun(len(rows), 'image')}",
            "",
        ]
        lines += [_format_line(row) for row in rows.to_dict("records")]
        lines.append("")
    return "\n".join(lines)


def _format_line(row: Mapping[Hashable, str]) -> str:
    title = _format_link(row["title"], row["page_url"] or row["url"])
    creator = _escape_markdown(row["creator"]) or "creator not stated"
    return f"- {title} by {creator} (`{row['file']}`)"


def _format_link(text: str, url: str) -> str:
    if not url.startswith(("http://", "https://")) or set(url) & set(" <>\n\t"):
        return _escape_markdown(text)
    return f"[{_escape_markdown(text)}](<{make_printable(url)}>)"


def _escape_markdown(text: str) -> str:
    return make_one_line(text).translate(_MARKED)

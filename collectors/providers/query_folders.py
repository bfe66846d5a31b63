"""Which query a file answers, by the folders it lies in."""

from collections.abc import Iterable, Sequence

from data_registry.text.file_names import class_name_of


def query_of(folders: Iterable[str], queries: Sequence[str]) -> str:
    """The query that the first of these folders is called like; empty if none is.

    Names are compared as class names are: macOS composes accents in its own way.
    """
    spelt = {class_name_of(query): query for query in queries}
    return next((spelt[name] for each in folders if (name := class_name_of(each)) in spelt), "")

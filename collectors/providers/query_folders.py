"""Which query a file answers, by the folders it lies in."""

from collections.abc import Iterable, Sequence

from data_registry.text.file_names import derive_class_name


def find_query(folders: Iterable[str], queries: Sequence[str]) -> str:
    """The query that the first of these folders is called like; empty if none is.

    Names are compared as class names are: macOS composes accents in its own way.
    """
    spelt = {derive_class_name(query): query for query in queries}
    return next((spelt[name] for each in folders if (name := derive_class_name(each)) in spelt), "")

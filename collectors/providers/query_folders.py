"""Find a file's query by its folders."""

from collections.abc import Iterable, Sequence

from data_registry.text.file_names import derive_class_name


def find_query(folders: Iterable[str], queries: Sequence[str]) -> str:
    """Find the query that matches the first of these folders' names; empty if none does.

    Names are compared like class names, since macOS decomposes accents.
    """
    spelt = {derive_class_name(query): query for query in queries}
    return next((spelt[name] for each in folders if (name := derive_class_name(each)) in spelt), "")

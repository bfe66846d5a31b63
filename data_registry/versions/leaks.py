"""Rules for a manifest, as queries that must return no row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

Rules = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Breach:
    """A broken rule.

    Attributes:
        rule: its short name.
        detail: what was found.
        images: some of the images concerned (at most ten).
        count: how many there are.
    """

    rule: str
    detail: str
    images: tuple[str, ...]
    count: int


LEAKS: Rules = {
    "machine-made-class-held-out": (
        "the class of a val or test image was decided by a machine",
        """SELECT sha256 FROM manifest
           WHERE split IN ('val', 'test') AND class_origin NOT IN ('label', 'annotation')""",
    ),
    "group-in-two-splits": (
        "images of one group stand in different splits",
        """SELECT sha256 FROM manifest
           WHERE split <> 'excluded' AND group_id IN (
               SELECT group_id FROM manifest WHERE split <> 'excluded'
               GROUP BY group_id HAVING count(DISTINCT split) > 1)""",
    ),
    "image-twice": (
        "an image stands in the manifest more than once",
        "SELECT sha256 FROM manifest GROUP BY sha256 HAVING count(*) > 1",
    ),
    "collected-image-held-out": (
        "a collected image stands in val or test",
        """SELECT sha256 FROM manifest
           WHERE split IN ('val', 'test') AND provider <> 'import'""",
    ),
    "no-class": (
        "an image in a split has no class",
        "SELECT sha256 FROM manifest WHERE split <> 'excluded' AND class_name = ''",
    ),
    "unknown-split": (
        "an image stands in a split that does not exist",
        """SELECT sha256 FROM manifest
           WHERE split NOT IN ('train', 'val', 'test', 'excluded')""",
    ),
}


def build_breach(rule: str, detail: str, images: list[str]) -> Breach:
    """Build a breach that names the first ten of its images."""
    return Breach(rule, detail, tuple(sorted(images)[:10]), len(images))


def find_broken_rules(connection: "duckdb.DuckDBPyConnection", rules: Rules) -> Iterator[Breach]:
    """Find every rule that some image breaks.

    Args:
        connection: holds the tables that the rules name.
        rules: name of each rule, with its breach in words and the query for the images that
            break it.
    """
    for rule, (detail, query) in rules.items():
        found = [row[0] for row in connection.execute(query).fetchall()]
        if found:
            yield build_breach(rule, detail, found)

"""Count what each query has yielded so far."""

import pandas as pd
import sqlalchemy as sa

from collectors.outcomes import Outcome
from data_registry.labels.class_resolution import (
    NONE_OF_THE_CLASSES,
    load_current_annotations,
    load_current_decisions,
)
from data_registry.pool import load_pool
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.vocabulary import Verdict

REFUSED = frozenset(
    {
        Outcome.REFUSED_NOAI,
        Outcome.REFUSED_TDM,
        Outcome.REFUSED_ROBOTS,
        Outcome.REFUSED_LICENCE,
        Outcome.UNKNOWN_LICENCE,
        Outcome.REFUSED_ADDRESS,
        Outcome.TOMBSTONED,
    }
)
FATES = ("new", "duplicate", "junk", "refused", "failed")


def compute_query_yields(registry: Registry) -> pd.DataFrame:
    """Compute one row for each provider and query, in alphabetical order.

    Returns:
        Columns provider, query, candidates; one for each of `FATES`, which add up to candidates:
        new (the first of its duplicates), duplicate (the same bytes, or a near-duplicate by the
        groups of `ephyra label`), junk (not found, or no usable image), refused (owner, licence or
        takedown), failed (may succeed later); and usable: the new images that neither the teacher
        nor a person has rejected.
    """
    tried = _load_last_attempts(registry)
    tried["fate"] = [
        _classify_attempt(*row) for row in zip(tried["outcome"], tried["retryable"], strict=True)
    ]
    stored = tried["fate"] == "new"
    tried.loc[stored & tried["sha256"].isin(_find_duplicates(registry)), "fate"] = "duplicate"
    tried["usable"] = (tried["fate"] == "new") & ~tried["sha256"].isin(
        _find_rejected_images(registry)
    )
    by_query = tried.groupby(["provider", "query"])
    counts = by_query["fate"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=list(FATES), fill_value=0).astype(int)
    counts.insert(0, "candidates", counts.sum(axis="columns"))
    return counts.assign(usable=by_query["usable"].sum().astype(int)).reset_index()


def _load_last_attempts(registry: Registry) -> pd.DataFrame:
    """Load the last attempt at each candidate."""
    table = schema.fetch_attempt
    wanted = (table.c.provider, table.c.query, table.c.url, table.c.outcome, table.c.retryable)
    statement = sa.select(*wanted, table.c.sha256).order_by(table.c.attempt_id)
    attempts = registry.database.frame(statement)
    return attempts.drop_duplicates(["provider", "query", "url"], keep="last")


def _classify_attempt(outcome: str, retryable: bool) -> str:
    if outcome == Outcome.STORED:
        return "new"
    if outcome in (Outcome.KNOWN, Outcome.NOT_KEPT):
        return "duplicate"
    if outcome in REFUSED:
        return "refused"
    return "failed" if retryable else "junk"


def _find_duplicates(registry: Registry) -> set[str]:
    """Find duplicates in the pool, and those that `ephyra gc` has deleted from it."""
    pool, decided = load_pool(registry), load_current_decisions(registry)
    turned_down = set(decided["sha256"][decided["reason"] == "copy"])
    in_pool = set(pool["sha256"][pool["copy_of"] != ""])
    return in_pool | (turned_down & registry.find_discarded_images())


def _find_rejected_images(registry: Registry) -> set[str]:
    """Find images that a person called none of the classes, or that the teacher rejected."""
    said, decided = load_current_annotations(registry), load_current_decisions(registry)
    rejected = decided["sha256"][decided["verdict"] == Verdict.REJECTED]
    nothing = said["sha256"][said["class_name"] == NONE_OF_THE_CLASSES]
    return (set(rejected) - set(said["sha256"])) | set(nothing)

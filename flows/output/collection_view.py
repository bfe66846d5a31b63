"""The answers of `collect` and `forget`."""

from collections.abc import Sequence

import pandas as pd

from collectors.ledger import CollectSummary
from collectors.outcomes import Outcome
from data_registry.retention.takedown import TakedownResult
from data_registry.text.wording import count_noun
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_notice, build_notices, build_table, format_counts, sum_counts


def build_collect_answer(summaries: Sequence[CollectSummary]) -> Answer:
    """Build the answer of `collect`."""
    drawn = build_table(
        "provider", "outcome", "candidates", "what it means", wide=["what it means"]
    )
    for summary in summaries:
        for outcome, count in sorted(summary.outcomes.items()):
            drawn.add_row(summary.provider, outcome, str(count), Outcome(outcome).explanation)
        if summary.skipped:
            meaning = "finished in an earlier collection"
            drawn.add_row(summary.provider, "skipped", str(summary.skipped), meaning)
    dropped = [build_notice(line) for summary in summaries for line in summary.dropped]
    problems = build_notices([line for summary in summaries for line in summary.problems])
    return Answer({"providers": make_plain(summaries)}, [drawn, *dropped, *problems])


def summarise_collection(summaries: Sequence[CollectSummary]) -> str:
    """Summarise what a collection brought as one line."""
    outcomes = sum_counts(summary.outcomes for summary in summaries)
    return format_counts(outcomes) or "nothing new"


def build_yield_answer(found: pd.DataFrame) -> Answer:
    """Build the answer of `collect --yield`: the queries with the most usable images first."""
    if found.empty:
        return Answer({"queries": []}, ["nothing was tried yet: run `ephyra collect` first"])
    ranked = found.sort_values("usable", ascending=False, kind="stable")
    drawn = build_table(*ranked.columns, "usable of 100", wide=["query"])
    rows = ranked.to_dict("records")
    for row in rows:
        drawn.add_row(*map(str, row.values()), f"{100 * row['usable'] / row['candidates']:.0f}")
    return Answer({"queries": rows}, [drawn])


def build_takedown_preview(names: Sequence[str]) -> Answer:
    """Build the answer of `forget --dry-run`."""
    return Answer(
        {"images": list(names)},
        [f"{count_noun(len(names), 'image')} would be taken down", *build_notices(names)],
    )


def build_takedown_answer(forgotten: TakedownResult) -> Answer:
    """Build the answer of `forget`: the images taken down, and the versions and runs with them."""
    count = len(forgotten.images)
    taken = count_noun(count, "image")
    lines = [f"{taken} taken down, {forgotten.new} of them now: {forgotten.reason}"]
    if forgotten.versions:
        held = ", ".join(forgotten.versions)
        lines.append(f"held by {held}: `ephyra merge` publishes a version without them")
    if forgotten.runs:
        lines.append(
            f"{count_noun(len(forgotten.runs), 'run')} trained or tested on these versions, and "
            "their reports may show thumbnails: `ephyra report` lists them"
        )
    return Answer(make_plain(forgotten), lines)

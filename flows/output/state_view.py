"""The answers of the commands that inspect a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from data_registry.text.hashes import shorten_hash
from data_registry.text.wording import count_noun
from data_registry.versions.published_versions import Version, describe_audit
from data_registry.vocabulary import Split
from flows.output.answer import Answer
from flows.output.check_view import format_check
from flows.output.group_view import summarise_groups
from flows.output.review_view import format_audit
from flows.shared.serialisation import make_plain
from flows.shared.tables import (
    build_notice,
    build_row_table,
    build_table,
    format_counts,
)
from flows.status.next_step import format_waiting_counts

if TYPE_CHECKING:
    import pandas as pd

    from data_registry.verification.verify import Verification
    from flows.reports.pair_reporting import PairResult
    from flows.status.overview import Overview

_WIDE = ["machine-made", "excluded"]


def build_status_answer(state: Overview) -> Answer:
    """Build the answer of `status`."""
    drawn = build_table("what", "how many", wide=["how many"])
    for name, value in (
        ("project file", format_check(state.check)),
        ("images", f"{state.images} ({state.labelled} labelled, {state.pool} in the pool)"),
        ("candidates", format_counts(state.outcomes) or "none collected"),
        ("decisions", format_counts(state.verdicts) or "none"),
        ("waiting for a person", format_waiting_counts(state.waiting_for)),
        ("groups to check", summarise_groups(state.reported_groups)),
        ("answers", str(state.annotations)),
        ("precision of the accepted", format_audit(state.audit) if state.audit else "not audited"),
        ("versions", ", ".join(state.versions) or "none"),
        ("runs", f"{state.runs}, champion {state.champion or 'none'}"),
        ("readings of the test set", str(state.test_readings)),
        ("digest", state.digest),
    ):
        drawn.add_row(name, value)
    return Answer(make_plain(state), [Text(state.project, style="bold"), drawn])


def build_versions_answer(published: Sequence[Version]) -> Answer:
    """Build the answer of `versions`."""
    drawn = build_table(
        "tag", "hash", "train", "val", "test", "machine-made", "excluded", wide=_WIDE
    )
    for version in published:
        splits = version.card["splits"]
        counts = [str(splits.get(split, 0)) for split in Split]
        excluded = format_counts(version.card["excluded"]) or "none"
        audit = describe_audit(version.card)
        drawn.add_row(version.tag, shorten_hash(version.version_hash), *counts, audit, excluded)
    none: list[RenderableType] = ["no version yet: run `ephyra import DIR`"]
    return Answer({"versions": make_plain(published)}, [drawn] if published else none)


def build_decisions_answer(decisions: pd.DataFrame, file: Path | None) -> Answer:
    """Build the answer of `decisions`."""
    images = decisions.drop_duplicates("sha256")
    counts = images.groupby(["verdict", "reason"]).size().rename("images").reset_index()
    counts["verdict"] = counts["verdict"].replace({"": "not decided yet"})
    nothing = "nothing was collected yet: run `ephyra collect`"
    shown: list[RenderableType] = [build_row_table(counts) if len(images) else nothing]
    if file:
        rows = count_noun(len(decisions), "row")
        shown.append(f"wrote {rows} on {count_noun(len(images), 'image')} to {file}")
    return Answer({"images": len(images), "rows": decisions.to_dict("records")}, shown)


def build_verify_answer(found: Verification) -> Answer:
    """Build the answer of `verify`: exit code 1 where an invariant is violated."""
    rows = count_noun(found.images, "row")
    looked = f"{', '.join(found.versions) or 'no version'}: {rows}, {found.detectors}"
    broken = [*found.breaches, *found.unnamed]
    count = len(broken)
    later = [
        f"{item.detail} ({item.count}), found out since it was published: a later version keeps "
        "them apart"
        for item in found.later
    ]
    if not count:
        return Answer({**make_plain(found), "holds": True}, [looked, *later, "every rule holds"])
    drawn = build_table("rule", "found", "images", wide=["rule", "found", "images"])
    for item in broken:
        names = " ".join(map(shorten_hash, item.images))
        drawn.add_row(item.rule, item.detail, f"{item.count}: {names}")
    verdict = f"{count} {'rule is' if count == 1 else 'rules are'} broken"
    return Answer(
        {**make_plain(found), "holds": False}, [looked, *later, drawn, verdict], yes=False
    )


def build_report_answer(reports: Sequence[str]) -> Answer:
    """Build the answer of `report`."""
    return Answer({"reports": list(reports)}, reports)


def build_pair_answer(pair: PairResult) -> Answer:
    """Build the answer of `report --compare`."""
    words = f"{pair.second} against {pair.first}: {pair.answer}: {pair.sentence}"
    tested = f"exact McNemar p = {pair.p_value:.3f}"
    settled = [build_notice(f"what would settle it: {pair.settling}")] if pair.settling else []
    return Answer(make_plain(pair), [*settled, words, tested, f"report: {pair.report}"])

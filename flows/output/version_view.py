"""The answers of the commands about versions and their images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from data_registry.text.hashes import shorten_hash
from data_registry.text.wording import count_noun
from data_registry.versions.published_versions import describe_audit
from flows.output.answer import Answer
from flows.output.group_view import summarise_groups
from flows.shared.serialisation import make_plain, make_plain_record
from flows.shared.tables import (
    ROWS_SHOWN,
    build_notice,
    build_table,
    format_counts,
    sum_counts,
)

if TYPE_CHECKING:
    from data_registry.export.export import ExportResult
    from data_registry.history.image_history import ImageHistory
    from data_registry.versions.diff import VersionDiff
    from data_registry.versions.published_versions import Version
    from data_registry.versions.split_report import SplitCost
    from flows.reports.dataset.dataset_stage import Described

MILLION = 1_000_000
_TO_THE_SECOND = 19  # characters of an ISO 8601 time


def build_merge_answer(version: Version) -> Answer:
    """Build the answer of `merge`."""
    return Answer(make_plain(version), format_version(version))


def format_version(version: Version) -> list[RenderableType]:
    """Format a version: its tag and splits, pseudo-labels and exclusions."""
    card = version.card
    counts = f" {shorten_hash(version.version_hash)}: {format_counts(card['splits'])}"
    lines: list[RenderableType] = [Text.assemble((version.tag, "bold"), counts)]
    lines.append(f"machine-made classes: {describe_audit(card)}")
    if card["excluded"]:
        lines.append(f"excluded: {format_counts(card['excluded'])}")
    return lines


def summarise_version(version: Version) -> str:
    """Summarise a version as one line: its tag, and the images of each split."""
    return f"{version.tag}, {format_counts(version.card['splits'])}"


def build_diff_answer(found: VersionDiff, file: Path | None) -> Answer:
    """After `diff`: the changes by class and split."""
    changes = format_counts({name: count for name, count in found.changes.items() if count})
    sizes = f"{found.images_before} and {count_noun(found.images_after, 'image')}"
    shown: list[RenderableType] = [f"{found.before} to {found.after}, {sizes}: {changes or 'none'}"]
    drawn = build_table("change", "class", "split", "images", "why", wide=["class", "why"])
    for row in found.counts.head(ROWS_SHOWN).to_dict("records"):
        name = _format_step(row["class_before"], row["class_after"])
        split = _format_step(row["split_before"], row["split_after"])
        drawn.add_row(row["change"], name, split, str(row["images"]), row["reason"])
    if len(found.counts):
        shown.append(drawn)
    if len(found.counts) > ROWS_SHOWN:
        shown.append(
            f"… and {count_noun(len(found.counts) - ROWS_SHOWN, 'more row')}; --json shows all"
        )
    if found.redescribed:
        shown.append(f"{found.redescribed} more differ in group, licence or who says the class")
    if file:
        shown.append(f"wrote {count_noun(len(found.images), 'change')} to {file}")
    tables = {"counts": found.counts, "images": found.images}
    rows = {name: item.to_dict("records") for name, item in tables.items()}
    return Answer({**make_plain_record(found), **rows, "csv": file}, shown)


def build_why_answer(life: ImageHistory) -> Answer:
    """Build the answer of `why`: the image's state, then its history."""
    facts = life.facts
    shown: list[RenderableType] = [
        Text(life.sha256 or "no image", style="bold"),
        f"now: {life.state}",
    ]
    if facts:
        hashes = f"pHash {facts.get('phash', '')}, dHash {facts.get('dhash', '')}"
        gone = "" if facts["bytes_are_there"] else "; its bytes are not in the workspace"
        shown.append(f"{facts['format']}, {facts['width']} x {facts['height']}, {hashes}{gone}")
    if life.group:
        shown.append(
            f"in a group with {len(life.group)} more: {' '.join(map(shorten_hash, life.group))}"
        )
    drawn = build_table("when", "what", "detail", wide=["detail"])
    for event in life.events:
        drawn.add_row(event.at[:_TO_THE_SECOND].replace("T", " "), event.what, event.detail)
    return Answer(make_plain_record(life), [*shown, drawn])


def build_export_answer(found: ExportResult) -> Answer:
    """Build the answer of `export`."""
    splits = format_counts({split: count for split, count in found.splits.items() if count})
    size = f"{found.byte_count / MILLION:.1f} MB"
    images = count_noun(found.images, "image")
    shown: list[RenderableType] = [
        f"wrote {found.version} to {found.folder}: {images} ({splits}), {size}",
        "ATTRIBUTION.csv and ATTRIBUTION.md name creator, licence and source of each",
    ]
    if found.without_licence:
        shown.append(
            build_notice(
                f"the licence of {count_noun(found.without_licence, 'image')} is not stated: "
                "whether they may be passed on is yours to find out"
            )
        )
    if found.folds:
        shown.append(f"manifest.csv has the column fold: train in {found.folds} folds")
    if found.thin_classes:
        names = ", ".join(found.thin_classes)
        shown.append(build_notice(f"too few images to be in each fold: {names}"))
    if found.taken_down:
        shown.append(
            build_notice(f"taken down and left out: {count_noun(found.taken_down, 'image')}")
        )
    return Answer(make_plain_record(found), shown)


def build_describe_answer(found: Described) -> Answer:
    """Build the answer of `describe`: the page and its main findings."""
    about = found.description
    splits = format_counts({split: count for split, count in about.facts.splits.items() if count})
    doubts = about.doubts
    labels = (
        f"labels to check: {doubts.count} of {doubts.images} in train"
        if doubts.images
        else "labels to check: not known yet, `ephyra label` finds them out of fold"
    )
    shown = [
        f"{about.version.tag}: {count_noun(len(about.facts.classes), 'class')}, {splits}",
        _format_cost(about.cost),
        f"near-duplicates: {_format_exclusions(about.pairs.count, about.pairs.across)}",
        f"groups to check: {summarise_groups(about.reported)}",
        labels,
        f"page: {found.page}",
    ]
    return Answer({**make_plain_record(about), "page": found.page}, shown)


def _format_exclusions(pairs: int, across: int) -> str:
    """Format the number of pairs, and how many the exclusions keep apart."""
    apart = f"; {across:,} would stand in two splits, so one of each is left out" if across else ""
    return f"{count_noun(pairs, 'pair')}{apart}"


def _format_cost(cost: SplitCost) -> str:
    """Format what the splits cost as one line."""
    reasons = sum_counts(cost.excluded.values())
    split, name, apart = cost.furthest
    balance = f"; {name} is {100 * apart:+.1f} points in {split} against train" if split else ""
    return f"left out: {format_counts(reasons) or 'nothing'}{balance}"


def _format_step(before: str, after: str) -> str:
    """Format a change; one word where both are equal or one is missing."""
    words = dict.fromkeys(word for word in (before, after) if word)
    return " to ".join(words)

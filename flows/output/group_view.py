"""The answer of `groups`: groups to check, and a person's word on duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from data_registry.text.hashes import shorten_hash
from data_registry.text.wording import choose_verb_form, count_noun
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain
from flows.shared.tables import (
    build_notice,
    build_notices,
    build_table,
    format_counts,
)

if TYPE_CHECKING:
    from data_registry.duplicates.grouping import GroupSummary
    from data_registry.duplicates.reported_groups import ChainLink, ReportedGroup
    from flows.stages.duplicate_groups import GroupsState

GROUPS_SHOWN = 10
LINKS_SHOWN = 5


def format_group(group: ReportedGroup) -> str:
    """Format a reported group and its reasons as one line."""
    size = count_noun(group.size, "image")
    return f"{shorten_hash(group.group_id)} ({size}): {'; '.join(group.reasons)}"


def summarise_groups(groups: Sequence[ReportedGroup]) -> str:
    """Summarise how many groups are reported, with the first of them."""
    if not groups:
        return "none"
    return f"{len(groups)} (`ephyra groups`), such as {format_group(groups[0])}"


def build_groups_answer(state: GroupsState) -> Answer:
    """Build the answer of `groups`: exit code 1 where two cannot-link images stay in one group."""
    shown: list[RenderableType] = []
    if word := state.word:
        known = "" if state.is_new else ", as recorded before"
        shown.append(
            f"{shorten_hash(word.first)} and {shorten_hash(word.second)}: {word.says}{known}"
        )
    if state.still_together:
        shown.append(
            build_notice(
                "they stay in one group, since other links connect them; a split must not separate "
                "an image from its duplicates. Check the weakest links below: --not-same cuts one"
            )
        )
    for group in state.reported[:GROUPS_SHOWN]:
        shown += _render_group(group)
    if len(state.reported) > GROUPS_SHOWN:
        shown.append(f"… and {len(state.reported) - GROUPS_SHOWN} more; --json shows all")
    shown.append(f"{count_noun(len(state.reported), 'group')} for a person to check")
    return Answer(make_plain(state), shown, yes=not state.still_together)


def _render_group(group: ReportedGroup) -> Iterator[RenderableType]:
    yield Text(format_group(group), style="bold")
    for pair in group.contradictions:
        ends = f"{shorten_hash(pair.first)} and {shorten_hash(pair.second)}"
        yield f"{pair.person} said {ends} are not the same; these links connect them:"
        yield _build_link_table(pair.path)
    if group.size == 1:
        yield "it was imported under these classes: `ephyra review` asks for the right one"
    elif not group.contradictions:
        yield "its weakest links:"
        yield _build_link_table(group.chain[:LINKS_SHOWN])


def _build_link_table(links: Sequence[ChainLink]) -> RenderableType:
    drawn = build_table("method", "distance", "image", "image")
    for link in links:
        drawn.add_row(
            link.method, f"{link.distance:g}", shorten_hash(link.first), shorten_hash(link.second)
        )
    return drawn


def build_grouping_answer(groups: GroupSummary) -> Answer:
    """Build the answer of grouping: the duplicate groups and their evidence."""
    return Answer(make_plain(groups), format_groups(groups))


def format_groups(groups: GroupSummary) -> list[RenderableType]:
    """Format the groups that were found, and those to check."""
    lines: list[RenderableType] = [
        f"{count_noun(groups.groups, 'group')} of duplicates; "
        f"links: {format_counts(groups.links) or 'none'}"
    ]
    if groups.reported:
        count = len(groups.reported)
        size = f"{count_noun(count, 'group')} {choose_verb_form(count, 'is', 'are')}"
        lines.append(build_notice(f"{size} for a person to check: `ephyra groups`"))
        lines += build_notices([format_group(group) for group in groups.reported])
    return lines

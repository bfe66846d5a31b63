"""What each command shows: small tables for people, the same values for machines."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from collectors.ledger import CollectSummary
from collectors.outcomes import Outcome
from data_registry.grouping import GroupSummary
from data_registry.verify import Verification
from data_registry.versions import Version
from flows.commands.answer import Answer
from flows.overview import Overview
from flows.plain import plain
from flows.predicting import FilePrediction
from flows.reviewing import ReviewState
from flows.stages import Imported
from flows.training import Trained
from labeling.audit import AuditResult
from labeling.label import LabelSummary

ROWS_SHOWN = 20


def imported_answer(imported: Imported) -> Answer:
    """After `import`."""
    images = imported.images
    shown: list[RenderableType] = [
        f"imported {images.images} images of {len(images.classes)} classes, {images.new} new",
        *(f"[yellow]left out[/] {escape(path)}: {escape(why)}" for path, why in images.unreadable),
        *(
            f"[yellow]two classes[/] {escape(path)}: a person must decide (`ephyra review`)"
            for path in images.conflicting
        ),
        *_group_lines(imported.groups),
        *_version_lines(imported.version),
    ]
    return Answer(plain(imported), shown)


def collected_answer(summaries: Sequence[CollectSummary]) -> Answer:
    """After `collect`."""
    table = _table("provider", "outcome", "candidates", "what it means")
    for summary in summaries:
        for outcome, count in sorted(summary.outcomes.items()):
            table.add_row(summary.provider, outcome, str(count), Outcome(outcome).explanation)
        if summary.skipped:
            meaning = "finished in an earlier collection"
            table.add_row(summary.provider, "skipped", str(summary.skipped), meaning)
    return Answer({"providers": plain(summaries)}, [table])


def labelled_answer(groups: GroupSummary, summary: LabelSummary) -> Answer:
    """After `label`."""
    fold = summary.card["out_of_fold"]
    table = _table("verdict", "images")
    for verdict, count in summary.verdicts.items():
        table.add_row(verdict, str(count))
    estimate = (
        f"out of fold, on {fold['images']} labelled images: accuracy {fold['accuracy']:.3f}; "
        f"{fold['accepted_right']} of {fold['accepted']} that would be accepted are right. "
        "This is an estimate: only an audit of this pool certifies it (`ephyra review --audit 59`)"
    )
    shown: list[RenderableType] = [
        *_group_lines(groups),
        table,
        _reasons(summary.reasons),
        estimate,
    ]
    return Answer({"groups": plain(groups), "label": plain(summary)}, shown)


def review_answer(state: ReviewState) -> Answer:
    """After `review`."""
    shown: list[RenderableType] = []
    if state.taken:
        shown.append(f"{state.taken.new} new answers of {state.taken.answers}")
    if state.drawn is not None:
        shown.append(f"the audit's sample holds {state.drawn} accepted images")
    if state.audit:
        shown.append(audit_line(state.audit))
    shown += [f"{len(state.queue)} images wait for a person", _rows(state.queue)]
    if state.sheet:
        shown.append(f"wrote {state.sheet}; fill in the column answer with a class or none")
    data = {**plain(state), "queue": state.queue.to_dict("records")}
    return Answer(data, shown)


def version_answer(version: Version) -> Answer:
    """After `merge`."""
    return Answer(plain(version), _version_lines(version))


def trained_answer(trained: Trained) -> Answer:
    """After `train`."""
    table = _table("model", "images without", "with", "accuracy without", "with", "answer")
    for item in trained.comparisons:
        table.add_row(
            item.model,
            str(item.train_without),
            str(item.train_with),
            item.accuracy_without,
            item.accuracy_with,
            item.answer,
        )
    shown: list[RenderableType] = [
        f"trained on {trained.version}, tested on the same {trained.test_images} images",
        table,
        *(f"{item.model}: {item.sentence}" for item in trained.comparisons),
        *(f"[yellow]{escape(warning)}[/]" for warning in trained.warnings),
        f"champion: {trained.champion} ({escape(trained.reason)})",
        *(f"report: {item.report}" for item in trained.comparisons),
    ]
    return Answer(plain(trained), shown)


def run_answer(found: Mapping[str, Any]) -> Answer:
    """After `run`: a line a stage; the whole in JSON."""
    collected = found["collect"]["providers"]
    outcomes = _sums(item["outcomes"] for item in collected)
    comparisons = found["train"]["comparisons"]
    shown = [
        f"collected: {_counted(outcomes) or 'nothing new'}",
        f"labelled: {_counted(found['label']['verdicts']) or 'an empty pool'}",
        f"merged: {found['merge']['tag']}, {_counted(found['merge']['card']['splits'])}",
        *(f"{item['model']}: {item['sentence']}" for item in comparisons),
        *(f"report: {item['report']}" for item in comparisons),
    ]
    return Answer(found, shown)


def status_answer(state: Overview) -> Answer:
    """After `status`."""
    table = _table("what", "how many")
    for name, value in (
        ("images", f"{state.images} ({state.labelled} labelled, {state.pool} in the pool)"),
        ("candidates", _counted(state.outcomes) or "none collected"),
        ("decisions", _counted(state.verdicts) or "none"),
        ("waiting for a person", str(state.waiting)),
        ("answers", str(state.annotations)),
        ("precision of the accepted", audit_line(state.audit) if state.audit else "not audited"),
        ("versions", ", ".join(state.versions) or "none"),
        ("runs", f"{state.runs}, champion {state.champion or 'none'}"),
        ("readings of the test set", str(state.test_readings)),
        ("digest", state.digest),
    ):
        table.add_row(name, value)
    return Answer(plain(state), [f"[bold]{escape(state.project)}[/]", table])


def versions_answer(published: Sequence[Version]) -> Answer:
    """After `versions`."""
    table = _table("tag", "hash", "train", "val", "test", "excluded")
    for version in published:
        splits = version.card["splits"]
        counts = [str(splits.get(split, 0)) for split in ("train", "val", "test")]
        excluded = _counted(version.card["excluded"]) or "none"
        table.add_row(version.tag, version.version_hash[:12], *counts, excluded)
    return Answer({"versions": plain(published)}, [table])


def decisions_answer(table: pd.DataFrame, file: Path | None) -> Answer:
    """After `decisions`."""
    images = table.drop_duplicates("sha256")
    counts = images.groupby(["verdict", "reason"]).size()
    shown: list[RenderableType] = [_rows(counts.rename("images").reset_index(), ROWS_SHOWN)]
    if file:
        shown.append(f"wrote {len(table)} rows on {len(images)} images to {file}")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return Answer({"images": len(images), "rows": rows}, shown)


def verify_answer(found: Verification) -> Answer:
    """After `verify`: exit code 1 where a rule is broken."""
    looked = f"{', '.join(found.versions) or 'no version'}: {found.images} rows, {found.detectors}"
    table = _table("rule", "found", "images")
    for item in found.breaches:
        table.add_row(
            item.rule, item.detail, f"{item.count}: {' '.join(n[:12] for n in item.images)}"
        )
    verdict = (
        "every rule holds" if not found.breaches else f"{len(found.breaches)} rules are broken"
    )
    shown: list[RenderableType] = [looked, table] if found.breaches else [looked]
    data = {**plain(found), "holds": not found.breaches}
    return Answer(data, [*shown, verdict], yes=not found.breaches)


def report_answer(reports: Sequence[str]) -> Answer:
    """After `report`."""
    return Answer({"reports": list(reports)}, reports)


def predictions_answer(predictions: Sequence[FilePrediction]) -> Answer:
    """After `predict`."""
    table = _table("image", "answer", "probability", "then")
    for item in predictions:
        ranked = sorted(item.probabilities.items(), key=lambda pair: -pair[1])
        others = ", ".join(f"{name} {value:.2f}" for name, value in ranked[1:3])
        first = f"{ranked[0][1]:.2f}" if ranked else ""
        table.add_row(escape(item.file), item.answer, first, others or escape(item.trouble))
    return Answer({"predictions": plain(predictions)}, [table])


def audit_line(audit: AuditResult) -> str:
    """The audit in a sentence: certified only once every answer is there."""
    if not audit.answered:
        return f"audit: {audit.drawn} images drawn, none answered yet"
    share = f"{audit.right} of {audit.answered} right, 95 % interval "
    interval = f"{audit.lower:.3f} to {audit.upper:.3f}"
    word = "certified" if audit.complete else f"{audit.drawn - audit.answered} answers missing"
    return f"audit: {share}{interval} ({word})"


def _group_lines(groups: GroupSummary) -> list[str]:
    lines = [f"{groups.groups} groups of copies; links: {_counted(groups.links) or 'none'}"]
    if groups.conflicts:
        names = ", ".join(name[:12] for name in groups.conflicts[:3])
        lines.append(f"[yellow]{len(groups.conflicts)} groups hold two labels[/]: {names}")
    return lines


def _version_lines(version: Version) -> list[str]:
    card = version.card
    lines = [f"[bold]{version.tag}[/] {version.version_hash[:12]}: {_counted(card['splits'])}"]
    if card["excluded"]:
        lines.append(f"excluded: {_counted(card['excluded'])}")
    return lines


def _reasons(reasons: Mapping[str, int]) -> str:
    return f"why: {_counted(reasons) or 'the pool is empty'}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _rows(frame: pd.DataFrame, most: int = ROWS_SHOWN) -> Table:
    table = _table(*map(str, frame.columns))
    for row in frame.head(most).itertuples(index=False, name=None):
        table.add_row(*(escape(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3f}"
    text = "" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for item in counts:
        for name, count in item.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))

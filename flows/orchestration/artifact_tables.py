"""Each stage's finding as a table and a sentence, for Prefect's UI."""

from collections.abc import Callable, Mapping
from typing import Any

from collectors.outcomes import Outcome
from data_registry.text.wording import count_noun
from data_registry.versions.publishing import describe_audit
from flows.shared.reading_view import describe_conflicts, describe_recorded_reading
from flows.shared.tables import describe_right_of_accepted, format_counts

Row = dict[str, Any]
Shown = tuple[list[Row], str]


def _build_import_table(found: Mapping[str, Any]) -> Shown:
    images, version = found["images"], found["version"]
    rows = [{"split": name, "images": count} for name, count in version["card"]["splits"].items()]
    words = f"{images['images']} images of {len(images['classes'])} classes, {images['new']} new"
    return rows, "; ".join([*describe_conflicts(found), words, *describe_recorded_reading(images)])


def _build_collect_table(found: Mapping[str, Any]) -> Shown:
    rows = [
        {
            "provider": summary["provider"],
            "outcome": outcome,
            "candidates": count,
            "what it means": Outcome(outcome).explanation,
        }
        for summary in found["providers"]
        for outcome, count in sorted(summary["outcomes"].items())
    ]
    skipped = sum(summary["skipped"] for summary in found["providers"])
    words = [f"{skipped} candidates were finished in an earlier collection"]
    for summary in found["providers"]:
        if bad := summary["bad_records"]:
            words.append(f"{summary['provider']}: {bad} malformed results left out")
        if ended := summary["failed_queries"]:
            words.append(f"{summary['provider']}: ended early: {', '.join(ended)}")
    return rows, ". ".join(words)


def _build_group_table(found: Mapping[str, Any]) -> Shown:
    rows = [{"evidence": name, "links": count} for name, count in found["links"].items()]
    reported = len(found["reported"])
    return rows, f"{found['groups']} duplicate groups; {reported} to check: `ephyra groups`"


def _build_label_table(found: Mapping[str, Any]) -> Shown:
    rows = [{"verdict": name, "images": count} for name, count in found["verdicts"].items()]
    rows += [{"verdict": f"why: {name}", "images": n} for name, n in found["reasons"].items()]
    fold = found["card"]["out_of_fold"]
    words = (
        f"Out of fold, on {count_noun(fold['images'], 'labelled image')}, "
        f"{describe_right_of_accepted(fold)}: an estimate; only an audit of this pool certifies."
    )
    return rows, words


def _build_merge_table(found: Mapping[str, Any]) -> Shown:
    card = found["card"]
    rows = [
        {"split": split, "class": name, "images": count}
        for split, classes in card["classes"].items()
        for name, count in classes.items()
    ]
    words = (
        f"{found['tag']} ({found['version_hash'][:12]}). Machine-made classes: "
        f"{describe_audit(card)}. Excluded: {format_counts(card['excluded']) or 'none'}."
    )
    return rows, words


def _build_verify_table(found: Mapping[str, Any]) -> Shown:
    rows = [{"version": tag, "holds": True} for tag in found["versions"]]
    return rows, f"Every rule holds on {count_noun(found['images'], 'row')}; {found['detectors']}"


def _build_train_table(found: Mapping[str, Any]) -> Shown:
    rows = [
        {
            "model": item["model"],
            "without": item["accuracy_without"],
            "with": item["accuracy_with"],
            "answer": item["answer"],
            "difference": item["sentence"],
        }
        for item in found["comparisons"]
    ]
    warnings = " ".join(found["warnings"])
    return rows, f"{found['version']}, {count_noun(found['test_images'], 'test image')}. {warnings}"


def _build_decision_table(found: Mapping[str, Any]) -> Shown:
    shown = ("verdict", "champion", "challenger", "basis", "images", "reason")
    rows = [{name: found[name] for name in shown}]
    return rows, "; ".join(found["not_eligible"]) or "Every run of the version could compete."


TABLES: Mapping[str, Callable[[Mapping[str, Any]], Shown]] = {
    "import": _build_import_table,
    "collect": _build_collect_table,
    "group": _build_group_table,
    "label": _build_label_table,
    "merge": _build_merge_table,
    "verify": _build_verify_table,
    "train": _build_train_table,
    "decide": _build_decision_table,
}

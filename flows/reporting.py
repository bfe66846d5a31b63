"""Reports of trainings: what the page says beside the runs themselves."""

import pandas as pd

from data_registry.versions import Version, audit_in_words
from flows.report_files import REPORTS, runs_path, shown_path
from flows.workspace import Workspace
from train.arms import Comparison
from train.report import ClassOrigin, Report, write_report
from train.runs import Run


def report_training(
    workspace: Workspace, version: Version, rows: pd.DataFrame, result: Comparison | Run
) -> str:
    """Write the HTML report of a training.

    Args:
        workspace: the project.
        version: what was trained on.
        rows: its manifest.
        result: a comparison of arms, or a single run.

    Returns:
        The page: a full path where the workspace is local.
    """
    registry = workspace.registry
    runs = runs_of(result)
    card = runs[0].card
    folder = f"{REPORTS}/{version.tag}-{card.spec.name.replace('/', '_')}-{card.run_id[:6]}"
    content = Report(
        project=workspace.project.project.name,
        version=version.tag,
        result=result,
        read=registry.read_image,
        target=workspace.project.goal.accuracy,
        origins=_origins(rows),
        facts=_facts(version),
    )
    page = write_report(registry.files, folder, content)
    registry.files.write(runs_path(page), "\n".join(run.card.run_id for run in runs).encode())
    return shown_path(registry, page)


def _origins(rows: pd.DataFrame) -> list[ClassOrigin]:
    train = rows[rows["split"] == "train"]
    counts = train.groupby(["class_name", "class_origin"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["label", "annotation", "decision"], fill_value=0)
    return [
        ClassOrigin(str(name), *map(int, row))
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]


def _facts(version: Version) -> list[tuple[str, str]]:
    card = version.card
    facts = [
        ("version", f"{version.tag}, {version.version_hash}"),
        ("made from", version.parent[:12] or "the imported set alone"),
        ("groups", str(card["groups"])),
        ("machine-made classes", audit_in_words(card)),
        ("policy", "; ".join(card["settings"].get("policies", ())) or "nothing was decided"),
    ]
    facts += [(f"images in {split}", str(count)) for split, count in card["splits"].items()]
    facts += [(f"excluded: {why}", str(count)) for why, count in card["excluded"].items()]
    facts += [(f"licence: {name or 'not stated'}", str(n)) for name, n in card["licences"].items()]
    return facts


def runs_of(result: Comparison | Run) -> tuple[Run, ...]:
    """The runs of a comparison, or the single one."""
    return result.runs if isinstance(result, Comparison) else (result,)

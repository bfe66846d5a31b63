"""Reports of trainings: what a page shows beside the runs themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from data_registry.ingest.importing import PROVIDER as IMPORT
from data_registry.text.hashes import LEAST_PREFIX, shorten_hash
from data_registry.versions.published_versions import Version, describe_audit, get_audit_mark
from data_registry.vocabulary import ClassOrigin, Split
from flows.config.workspace import Workspace
from flows.reports.paths import REPORTS, get_runs_path, get_shown_path
from train.experiments.arms import Arm, Comparison, compute_run_accuracy
from train.experiments.runs import Run
from train.reports.card_document import CardFacts, build_card_sections, format_card
from train.reports.coarse import CoarseView, compare_coarse
from train.reports.cost import get_cost
from train.reports.model_table import ModelRow, build_model_table
from train.reports.report import ClassOriginCounts, Report, write_report
from train.reports.report_views import choose_run, judge_optional_goal


@dataclass(frozen=True)
class TrainedVersion:
    """What the reports of one training have in common.

    Attributes:
        version: what was trained on.
        rows: its manifest.
        models: a line for every model and arm, in the order that `[goal]` asks for.
        separate: the run that learnt groups of classes alone, or None.
    """

    version: Version
    rows: pd.DataFrame = field(repr=False)
    models: Sequence[ModelRow] = ()
    separate: Run | None = None


def gather_trained_version(
    workspace: Workspace, version: Version, rows: pd.DataFrame, results: Sequence[Comparison | Run]
) -> TrainedVersion:
    """Gather what all reports of a training have in common.

    Raises:
        StorageError: a run's weights are not there.
    """
    every = [run for result in results for run in list_runs_of(result)]
    runs = [run for run in every if run.card.spec.learns == "classes"]
    coarse = [
        chosen for result in results if (chosen := choose_run(result)).card.spec.learns == "groups"
    ]
    rank_by = workspace.project.goal.rank_by
    models = build_model_table(workspace.registry.files, runs, rank_by)
    separate = min(coarse, key=lambda run: run.val.log_loss) if coarse else None
    return TrainedVersion(version, rows, models, separate)


def report_training(workspace: Workspace, trained: TrainedVersion, result: Comparison | Run) -> str:
    """Write the HTML report of a model's training, and a model card beside each run's weights.

    Returns:
        The page: a full path where the workspace is local.
    """
    registry, version = workspace.registry, trained.version
    card = list_runs_of(result)[0].card
    model, run = card.spec.name.replace("/", "_"), shorten_hash(card.run_id, LEAST_PREFIX)
    folder = f"{REPORTS}/{version.tag}-{model}-{run}"
    facts = {
        run.card.run_id: gather_card_facts(workspace, trained, run) for run in list_runs_of(result)
    }
    for run_id, told in facts.items():
        registry.files.write(f"runs/{run_id}/MODEL_CARD.md", format_card(told).encode())
    chosen = choose_run(result)
    content = Report(
        project=workspace.project.project.name,
        version=version.tag,
        result=result,
        read=registry.read_image,
        target=workspace.project.goal.accuracy,
        origins=_count_origins(trained.rows),
        facts=_list_facts(version),
        models=trained.models,
        rank_by=workspace.project.goal.rank_by,
        coarse=_compare_coarse(workspace, chosen, trained.separate),
        card=build_card_sections(facts[chosen.card.run_id]),
    )
    page = write_report(registry.files, folder, content)
    registry.files.write(get_runs_path(page), "\n".join(facts).encode())
    return get_shown_path(registry, page)


def gather_card_facts(workspace: Workspace, trained: TrainedVersion, run: Run) -> CardFacts:
    """Gather what a run's model card is written from."""
    accuracy = compute_run_accuracy(run)
    taught = trained.rows[trained.rows["split"] == Split.TRAIN]
    if run.card.arm == Arm.WITHOUT:
        taught = taught[taught["provider"] == IMPORT]
    project, card = workspace.project, trained.version.card
    return CardFacts(
        project=project.project.name,
        version=trained.version.tag,
        run=run,
        accuracy=accuracy,
        goal=judge_optional_goal(project.goal.accuracy, accuracy, run.test.image_count),
        cost=get_cost(workspace.registry.files, run),
        per_class=_count_values(taught["class_name"]),
        machine_labelled=int((taught["class_origin"] == ClassOrigin.DECISION).sum()),
        audit=describe_audit(card),
        certified=get_audit_mark(card)["certified"],
        licences=_count_values(taught["licence"].fillna("")),
    )


def _compare_coarse(workspace: Workspace, chosen: Run, separate: Run | None) -> CoarseView | None:
    """Compare groups of classes, where every class of the run has one."""
    group_of = workspace.project.group_of_class
    if chosen is separate or not set(chosen.card.class_names) <= set(group_of):
        return None
    if len(set(group_of.values())) < 2:
        return None
    return compare_coarse(chosen, group_of, separate)


def _count_values(column: "pd.Series[str]") -> Mapping[str, int]:
    return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}


def _count_origins(rows: pd.DataFrame) -> list[ClassOriginCounts]:
    train = rows[rows["split"] == Split.TRAIN]
    counts = train.groupby(["class_name", "class_origin"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=[origin.value for origin in ClassOrigin], fill_value=0)
    return [
        ClassOriginCounts(str(name), *map(int, row))
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]


def _list_facts(version: Version) -> list[tuple[str, str]]:
    card = version.card
    facts = [
        ("version", f"{version.tag}, {version.version_hash}"),
        ("made from", shorten_hash(version.parent) or "the imported set alone"),
        ("groups", str(card["groups"])),
        ("machine-made classes", describe_audit(card)),
        ("policy", "; ".join(card["settings"].get("policies", ())) or "nothing was decided"),
    ]
    facts += [(f"images in {split}", str(count)) for split, count in card["splits"].items()]
    facts += [(f"excluded: {why}", str(count)) for why, count in card["excluded"].items()]
    facts += [(f"licence: {name or 'not stated'}", str(n)) for name, n in card["licences"].items()]
    return facts


def list_runs_of(result: Comparison | Run) -> tuple[Run, ...]:
    """List the runs of a comparison, or the single run."""
    return result.runs if isinstance(result, Comparison) else (result,)

"""What a person does with versions and the images in them, `diff` to `describe`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import Answer, JsonOption, ProjectOption, answer, exit_on_errors


class ExportKind(StrEnum):
    """What an export is made for; the names of `data_registry.export.export.WRITERS`."""

    IMAGEFOLDER = "imagefolder"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("diff", epilog="Example: ephyra diff v1 v2 --csv changes.csv")(diff_two_versions)
    app.command("why", epilog="Example: ephyra why 3f9c21ab")(explain_image)
    app.command("export", epilog="Example: ephyra export v2 --to parquet ~/jellies")(export_images)
    app.command("groups", epilog="Example: ephyra groups --not-same 3f9c21ab 77d0e1c2")(list_groups)
    app.command("gc", epilog="Example: ephyra gc --dry-run")(collect_garbage)
    app.command("describe", epilog="Example: ephyra describe v2")(describe_version)


@run_as_command()
def diff_two_versions(
    call: Invocation,
    before: Annotated[str, typer.Argument(metavar="V1", help="A tag, or the hash's beginning.")],
    after: Annotated[str, typer.Argument(metavar="V2", help="The later one.")],
    csv: Annotated[Path | None, typer.Option(help="Name every change in this file.")] = None,
) -> Answer:
    """What changed between two versions: added, removed, relabelled, moved between splits."""
    from data_registry.csv_files import write_csv
    from data_registry.versions.diff import diff_versions
    from data_registry.versions.manifest import read_unchanged_rows
    from data_registry.versions.publishing import find_version
    from flows.output.version_view import build_diff_answer

    with call.open_workspace() as workspace:
        registry = workspace.registry
        both = [find_version(registry, name) for name in (before, after)]
        for version in both:
            read_unchanged_rows(registry, version.version_hash)
        found = diff_versions(registry, *both)
        if csv:
            write_csv(found.images, csv)
        return build_diff_answer(found, csv)


@run_as_command()
def explain_image(
    call: Invocation,
    image: Annotated[
        str, typer.Argument(help="A SHA-256 or its beginning, a URL, or an image file.")
    ],
) -> Answer:
    """One image's life, from the address it was seen at to the versions and runs it is in."""
    from data_registry.history.image_history import load_image_history
    from data_registry.history.image_lookup import find_image
    from flows.output.version_view import build_why_answer

    with call.open_workspace() as workspace:
        registry = workspace.registry
        return build_why_answer(load_image_history(registry, find_image(registry, image)))


@run_as_command(kept="Nothing is left in the folder")
def export_images(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag, or the hash's beginning.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    to: Annotated[
        ExportKind,
        typer.Option(help="Folders by split and class, or shards with the bytes."),
    ] = ExportKind.IMAGEFOLDER,
    folds: Annotated[
        int, typer.Option(min=0, help="Deal train into so many folds: column fold, groups whole.")
    ] = 0,
) -> Answer:
    """Hand a version over to other tools, with attribution, manifest and a README."""
    from data_registry.export.export import export_version
    from data_registry.versions.publishing import find_version
    from flows.output.version_view import build_export_answer

    with call.open_workspace() as workspace:
        registry, name = workspace.registry, workspace.project.project.name
        chosen = find_version(registry, version)
        kind = to.value
        found = export_version(
            registry, chosen, kind, folder, project=name, folds=folds, progress=call.progress
        )
        return build_export_answer(found)


@run_as_command()
def list_groups(
    call: Invocation,
    same: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two images that are the same; as `why` takes them."),
    ] = None,
    not_same: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two images that are not: cuts every link between them."),
    ] = None,
    person: Annotated[str, typer.Option(help="Who says so.")] = "reviewer",
    note: Annotated[str, typer.Option(help="Why; kept.")] = "",
) -> Answer:
    """Groups for a person to look at, and their word on copies, which beats all other evidence.

    Reported is a group larger than [groups] largest, of two classes, or whose images hang together
    although a person said they are not the same.
    """
    from data_registry.duplicates.pair_annotations import CANNOT_LINK, MUST_LINK, PairAnnotation
    from data_registry.errors import InputError
    from flows.output.group_view import build_groups_answer
    from flows.stages.duplicate_groups import compare_stage, groups_stage

    if same and not_same:
        raise InputError("either --same or --not-same, not both; nothing was recorded")
    with call.open_workspace() as workspace:
        pair = same or not_same
        if pair is None:
            return build_groups_answer(groups_stage(workspace))
        word = PairAnnotation(*pair, MUST_LINK if same else CANNOT_LINK, person, note)
        return build_groups_answer(compare_stage(workspace, word))


def collect_garbage(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name what would go.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also a large share, without asking: for scripts.")
    ] = False,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Let go the bytes of images that were turned down, and files that nothing names.

    What is labelled, waits for a person, or stands in a version stays. What went is still known:
    it is not fetched again, and `ephyra why` says why it went. Where a large share of the workspace
    would go, the number of files must be typed.
    """
    confirmed = sys.maxsize if yes else 0
    if not (yes or dry_run or as_json):
        with exit_on_errors(as_json):
            confirmed = _ask_for_count(project)

    def work(progress: Progress) -> Answer:
        from flows.config.workspace import open_workspace
        from flows.output.garbage_view import build_garbage_answer
        from flows.stages.collect_garbage import collect_garbage_stage, find_stage

        with open_workspace(project) as workspace:
            if dry_run:
                return build_garbage_answer(find_stage(workspace), "would go")
            return build_garbage_answer(
                collect_garbage_stage(workspace, progress, confirmed), "went"
            )

    answer(as_json, work, project)


def _ask_for_count(project: Path) -> int:
    """The number of files that a person says may go, asked only where they are many."""
    from flows.config.workspace import open_workspace
    from flows.stages.collect_garbage import find_stage

    with open_workspace(project) as workspace:
        found = find_stage(workspace)
    if not found.is_large:
        return 0
    share = f"{found.file_count} of {found.stored} files would go, {found.byte_count:,} bytes"
    try:
        typed = typer.prompt(f"{share}. Type their number to delete them", default="", err=True)
    except typer.Abort:  # nobody is there to answer
        return 0
    return found.file_count if typed.strip() == str(found.file_count) else 0


@run_as_command()
def describe_version(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag or hash; by default the newest.")] = "",
) -> Answer:
    """A page on a version: classes, origins, sizes, licences, near-copies, labels to look at."""
    from flows.output.version_view import build_describe_answer
    from flows.reports.dataset.dataset_stage import describe_stage

    with call.open_workspace() as workspace:
        return build_describe_answer(describe_stage(workspace, version, call.progress))

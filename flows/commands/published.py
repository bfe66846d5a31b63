"""Commands about versions and their images: `diff`, `why`, `export`, `groups`, `gc`, `describe`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from data_registry.progress import Progress
from flows.commands.run_as_command import Invocation, run_as_command
from flows.output.answer import Answer, JsonOption, ProjectOption, answer, exit_on_errors


class ExportKind(StrEnum):
    """The format of an export; the names of `data_registry.export.export.WRITERS`."""

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
    before: Annotated[
        str, typer.Argument(metavar="V1", help="A tag, or the first characters of the hash.")
    ],
    after: Annotated[str, typer.Argument(metavar="V2", help="The later version.")],
    csv: Annotated[Path | None, typer.Option(help="Write every change to this file.")] = None,
) -> Answer:
    """List what changed between two versions: added, removed, relabelled, moved between splits."""
    from data_registry.csv_files import write_csv
    from data_registry.versions.diff import diff_versions
    from data_registry.versions.manifest import read_unchanged_rows
    from data_registry.versions.published_versions import find_version
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
        str, typer.Argument(help="A SHA-256 or its first characters, a URL, or an image file.")
    ],
) -> Answer:
    """Show one image's history, from its first source to its versions and runs."""
    from data_registry.history.image_history import load_image_history
    from data_registry.history.image_lookup import find_image
    from flows.output.version_view import build_why_answer

    with call.open_workspace() as workspace:
        registry = workspace.registry
        return build_why_answer(load_image_history(registry, find_image(registry, image)))


@run_as_command(kept="Nothing is left in the folder")
def export_images(
    call: Invocation,
    version: Annotated[str, typer.Argument(help="A tag, or the first characters of the hash.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    to: Annotated[
        ExportKind,
        typer.Option(help="Folders by split and class, or Parquet shards that hold the bytes."),
    ] = ExportKind.IMAGEFOLDER,
    folds: Annotated[
        int,
        typer.Option(
            min=0, help="Assign train to this many folds (column fold); groups stay whole."
        ),
    ] = 0,
) -> Answer:
    """Export a version for other tools, with attribution, manifest and a README."""
    from data_registry.export.export import export_version
    from data_registry.versions.published_versions import find_version
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
        typer.Option(metavar="A B", help="Two images that are duplicates; each as for `why`."),
    ] = None,
    not_same: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Two images that are not duplicates: removes every link between them.",
        ),
    ] = None,
    person: Annotated[str, typer.Option(help="Who decides.")] = "reviewer",
    note: Annotated[str, typer.Option(help="The reason; recorded.")] = "",
) -> Answer:
    """List groups to check, or record that two images are (not) duplicates.

    A person's word overrides automatic evidence. A group is listed if it is larger than [groups]
    largest, holds two classes, or connects two images that a person said are not duplicates.
    """
    from data_registry.duplicates.pair_annotations import CANNOT_LINK, MUST_LINK, PairAnnotation
    from data_registry.errors import InputError
    from flows.output.group_view import build_groups_answer
    from flows.stages.duplicate_groups import list_groups_stage, record_pair_stage

    if same and not_same:
        raise InputError("either --same or --not-same, not both; nothing was recorded")
    with call.open_workspace() as workspace:
        pair = same or not_same
        if pair is None:
            return build_groups_answer(list_groups_stage(workspace))
        first, second = pair
        says = MUST_LINK if same else CANNOT_LINK
        word = PairAnnotation(first=first, second=second, says=says, person=person, note=note)
        return build_groups_answer(record_pair_stage(workspace, word))


def collect_garbage(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also delete a large share without asking: for scripts.")
    ] = False,
    project: ProjectOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Delete the bytes of rejected images, and orphaned files.

    Images that are labelled, wait for a person, or are in a version stay. A deleted image remains
    known: it is not fetched again, and `ephyra why` gives the reason. If a large share of the
    workspace would be deleted, the number of files must be typed.
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
    """Ask how many files may be deleted; 0 where they are few and nobody is asked."""
    from flows.config.workspace import open_workspace
    from flows.stages.collect_garbage import find_stage

    with open_workspace(project) as workspace:
        found = find_stage(workspace)
    if not found.is_large:
        return 0
    share = f"{found.file_count} of {found.stored} files would go, {found.byte_count:,} bytes"
    try:
        typed = typer.prompt(f"{share}. Type their number to delete them", default="", err=True)
    except typer.Abort:  # standard input is closed
        return 0
    return found.file_count if typed.strip() == str(found.file_count) else 0


@run_as_command()
def describe_version(
    call: Invocation,
    version: Annotated[
        str, typer.Argument(help="A tag or hash. Default: the newest version.")
    ] = "",
) -> Answer:
    """Write a page on a version: classes, origins, sizes, licences, duplicates, doubtful labels."""
    from flows.output.version_view import build_describe_answer
    from flows.reports.dataset.dataset_stage import describe_stage

    with call.open_workspace() as workspace:
        return build_describe_answer(describe_stage(workspace, version, call.progress))

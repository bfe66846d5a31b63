"""Commands to start with: `audit`, `init`, `import` and `demo`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from data_registry.duplicates.match_thresholds import Radii
from data_registry.errors import InputError
from data_registry.images.image_limits import ImageLimits, build_limits, shrink_to_millions
from flows.commands.run_as_command import Invocation, run_as_command
from flows.config.template_names import USUAL, list_template_names
from flows.output.answer import Answer, add_warnings
from flows.steps import project_steps
from train.specs import DEFAULT_BACKBONE, BackboneSpec


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("audit", epilog="Example: ephyra audit ~/photos/jellyfish")(audit_images)
    app.command("init", epilog="Example: ephyra init medusae")(create_project)
    app.command("import", epilog="Example: ephyra import ~/photos/jellyfish")(import_set)
    app.command("demo", epilog="Example: ephyra demo --keep my-demo")(show_demo)


_MEGABYTES = shrink_to_millions(ImageLimits.max_bytes)
_MEGAPIXELS = shrink_to_millions(ImageLimits.max_pixels)
LabelledSet = Annotated[Path, typer.Argument(help="CLASS/photo.jpg, or train/CLASS/photo.jpg, …")]
Weights = Annotated[
    str, typer.Option(help="A local weights file; adds accuracies and labels that look wrong.")
]
Backbone = Annotated[str, typer.Option(help="The timm model that the weights belong to.")]
Normalisation = Annotated[
    float | None,
    typer.Option(
        "--normalisation",
        help="Mean and std of the pixels, such as 0.5. Default: the model's own.",
    ),
]
ModelArguments = Annotated[
    list[str] | None,
    typer.Option(help="A further argument of timm's create_model, such as pad_type=same."),
]
NamePatterns = Annotated[
    list[str] | None, typer.Option(help="A file name pattern of duplicates, such as aug-N-SRC.")
]
MaxMegabytes = Annotated[
    float, typer.Option(min=0.001, help="Largest file to read, in millions of bytes.")
]
MaxMegapixels = Annotated[
    float, typer.Option(min=0.001, help="Largest image to decode, in millions of pixels.")
]
HashRadius = Annotated[
    int,
    typer.Option(
        min=0,
        max=16,
        help="Number of the 64 bits in which hashes of duplicates may differ; 0: equal hashes. "
        "Pixels must confirm each pair.",
    ),
]


@run_as_command(kept="No page was written, and nothing in the folder was changed", in_project=False)
def audit_images(
    call: Invocation,
    folder: LabelledSet,
    page: Annotated[Path, typer.Option(help="The HTML page to write.")] = Path("audit.html"),
    weights: Weights = "",
    backbone: Backbone = DEFAULT_BACKBONE,
    mean_and_std: Normalisation = None,
    model_arg: ModelArguments = None,
    pattern: NamePatterns = None,
    max_megabytes: MaxMegabytes = _MEGABYTES,
    max_megapixels: MaxMegapixels = _MEGAPIXELS,
    radius: HashRadius = Radii.phash,
    nested: Annotated[
        bool, typer.Option("--nested", help="Folders inside class folders only sort the photos.")
    ] = False,
) -> Answer:
    """Audit an image folder, offline, without a project: duplicates across splits, wrong labels."""
    from flows.folder_audit.audit_files import check_audit_files

    limits = build_limits(max_megabytes, max_megapixels)
    spec = _build_backbone_spec(backbone, weights, model_arg or (), mean_and_std)
    check_audit_files(folder, page, pattern or (), limits=limits, is_nested=nested)
    from flows.folder_audit.audit_stage import audit_folder
    from flows.folder_audit.audit_view import build_audit_answer

    radii = Radii.from_phash(radius)
    found = audit_folder(
        folder,
        page,
        spec,
        pattern or (),
        call.progress,
        limits=limits,
        is_nested=nested,
        radii=radii,
    )
    return build_audit_answer(found, page)


def _build_backbone_spec(
    backbone: str, weights: str, model_arguments: Sequence[str], mean_and_std: float | None
) -> BackboneSpec | None:
    """Build the backbone's specification; None where no weights were given."""
    from flows.shared.model_arguments import parse_model_arguments
    from train.weights_files import require_weights_file

    given = parse_model_arguments(model_arguments)
    if not weights:
        if given or mean_and_std is not None or backbone != DEFAULT_BACKBONE:
            raise InputError(
                "--backbone, --normalisation and --model-arg say how to use a model: name its file "
                "with --weights, or leave them out"
            )
        return None
    require_weights_file(Path(weights))
    triple = None if mean_and_std is None else (mean_and_std,) * 3
    return BackboneSpec(backbone, weights=weights, model_args=given, mean=triple, std=triple)


@run_as_command(in_project=False)
def create_project(
    call: Invocation,
    folder: Annotated[Path, typer.Argument(help="The project's folder; created if missing.")],
    template: Annotated[
        str,
        typer.Option(
            help=f"The template to start from: {', '.join(list_template_names())}.",
            autocompletion=list_template_names,
        ),
    ] = USUAL,
    every_key: Annotated[
        bool, typer.Option("--all", help="Write every key, not only those that most projects set.")
    ] = False,
) -> Answer:
    """Start a project: write a commented ephyra.toml and a prefect.toml."""
    from data_registry.own_packages import describe_hiding_files
    from flows.config.scaffold import write_project

    written = write_project(folder, template, every_key=every_key)
    lines = [f"wrote {path}" for path in written]
    next_step = (
        f"next: name classes and queries in {written[0]}, then, in {folder}: `ephyra check`, "
        "`ephyra import DIR`"
    )
    found = Answer({"written": [str(path) for path in written]}, [*lines, next_step])
    return add_warnings(found, describe_hiding_files(folder))


@run_as_command()
def import_set(
    call: Invocation,
    folder: LabelledSet,
) -> Answer:
    """Import a labelled set and publish a version of it."""
    from flows.config.labelled_folder import read_project_set
    from flows.config.loader import load_project
    from flows.config.project_folder import ProjectFolder

    read_project_set(ProjectFolder(call.project, load_project(call.project)), folder)
    with call.open_workspace() as workspace:
        return project_steps.import_labelled_set(workspace, folder, call.progress).answer


@run_as_command(in_project=False)
def show_demo(
    call: Invocation,
    keep: Annotated[
        Path | None, typer.Option(help="An empty or new folder for the workspace.")
    ] = None,
) -> Answer:
    """Run the whole pipeline on a small synthetic data set, offline, in under three minutes."""
    from flows.demo.demo_folder import refuse_used_folder

    if keep is not None:
        refuse_used_folder(keep)
    from flows.demo.show import build_demo_answer
    from flows.demo.tour import run_demo

    return build_demo_answer(run_demo(keep, call.progress))

"""Export a version: write to a folder beside the target and rename it when complete."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data_registry.csv_files import write_csv
from data_registry.errors import InputError
from data_registry.export import image_folder, parquet_shards
from data_registry.export.attribution import build_attribution_table, format_attribution
from data_registry.export.contents import Contents, load_contents
from data_registry.export.image_folder import write_image_folder
from data_registry.export.new_folder import create_beside, refuse_full_folder
from data_registry.export.parquet_shards import write_parquet
from data_registry.ingest.exported_names import CARD, MANIFEST
from data_registry.progress import Progress, SilentProgress
from data_registry.registry import Registry
from data_registry.text.printable import make_value_printable
from data_registry.text.wording import count_noun
from data_registry.versions.folds import deal_folds, find_thin_classes
from data_registry.versions.manifest import SPLITS
from data_registry.versions.published_versions import Version, describe_audit

Writer = Callable[[Registry, Contents, Path, Progress], "pd.Series[str]"]
WRITERS: Mapping[str, Writer] = {
    image_folder.NAME: write_image_folder,
    parquet_shards.NAME: write_parquet,
}
_MANIFEST = ("file", "sha256", "class_name", "class_origin", "split", "group_id")


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """Summary of an export.

    Attributes:
        folder: its path.
        kind: imagefolder or parquet.
        version: its tag.
        images: number of images.
        byte_count: of their files.
        splits: number of images by split.
        without_licence: images without a stated licence.
        taken_down: images of the version that were taken down since and are left out.
        folds: number of folds of train, or 0.
        thin_classes: classes that are missing in some fold.
    """

    folder: Path
    kind: str
    version: str
    images: int
    byte_count: int
    splits: Mapping[str, int]
    without_licence: int
    taken_down: int
    folds: int = 0
    thin_classes: tuple[str, ...] = ()


def export_version(
    registry: Registry,
    version: Version,
    kind: str,
    folder: Path,
    *,
    project: str,
    folds: int = 0,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a version's images with attribution, manifest and a README.

    A killed export leaves nothing at its target; the next one starts anew.

    Args:
        registry: holds the version.
        version: the version to export.
        kind: one of `WRITERS`.
        folder: the target, new or empty.
        project: the project's name, for the README.
        folds: number of folds of train, see `data_registry.versions.folds`; 0 for none.
        progress: told of every image.

    Raises:
        InputError: the folder is not empty, there is no such kind, or train is too small for the
            folds.
        StorageError: bytes are missing or have changed, or the folder cannot be written.
    """
    if kind not in WRITERS:
        raise InputError(f"no export to {kind!r}; expected one of: {', '.join(WRITERS)}")
    folder = folder.resolve()
    refuse_full_folder(folder)
    progress = progress or SilentProgress()
    contents = load_contents(registry, version)
    fold = deal_folds(contents.images, folds) if folds else None
    progress.start("exporting", len(contents.images))
    with create_beside(folder) as partial:
        files = WRITERS[kind](registry, contents, partial, progress)
        _write_documents(
            partial, contents, files, fold, _render_readme(contents, kind, project, folds)
        )
    progress.finish()
    return _summarise_export(folder, kind, contents, fold)


def _write_documents(
    folder: Path,
    contents: Contents,
    files: "pd.Series[str]",
    fold: "pd.Series[int] | None",
    readme: str,
) -> None:
    images, columns = contents.images.assign(file=files), list(_MANIFEST)
    if fold is not None:
        # Val and test are in no fold: a nullable integer.
        images["fold"] = images["sha256"].map(fold).astype("Int64")
        columns.append("fold")
    write_csv(images[columns], folder / MANIFEST)
    write_csv(build_attribution_table(images), folder / "ATTRIBUTION.csv")
    (folder / "ATTRIBUTION.md").write_text(format_attribution(images), encoding="utf-8")
    card = json.dumps(dict(contents.version.card), indent=2)
    (folder / CARD).write_text(card, encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")


def _render_readme(contents: Contents, kind: str, project: str, folds: int) -> str:
    images, card = contents.images, contents.version.card
    # Markdown, not HTML: nothing is escaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=make_value_printable,
    )
    environment.filters["count_of"] = count_noun
    return environment.get_template("README.md.j2").render(
        project=project,
        kind=kind,
        version=contents.version,
        images=images,
        splits=[split for split in SPLITS if (images["split"] == split).any()],
        class_names=sorted(images["class_name"].unique()),
        counts=images.groupby(["class_name", "split"]).size().to_dict(),
        origins=_count_values(images["class_origin"]),
        licences=_count_values(images["licence"]),
        audit=describe_audit(card),
        excluded=", ".join(f"{count} {why}" for why, count in card["excluded"].items()),
        taken_down=contents.taken_down,
        folds=folds,
    )


def _count_values(column: "pd.Series[str]") -> dict[str, int]:
    return {str(name): int(count) for name, count in column.value_counts().items()}


def _summarise_export(
    folder: Path, kind: str, contents: Contents, fold: "pd.Series[int] | None"
) -> ExportResult:
    images = contents.images
    return ExportResult(
        folder=folder,
        kind=kind,
        version=contents.version.tag,
        images=len(images),
        byte_count=int(images["byte_count"].sum()),
        splits={split: int((images["split"] == split).sum()) for split in SPLITS},
        without_licence=int((images["licence"] == "").sum()),
        taken_down=contents.taken_down,
        folds=0 if fold is None else int(fold.max()),
        thin_classes=() if fold is None else find_thin_classes(images, fold),
    )

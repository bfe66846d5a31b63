"""An exported image folder comes back with the classes that it was exported with."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from drawn import jpeg, labelled_set
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.csv_files import write_csv
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.export.export import export_version
from data_registry.export.safe_names import build_folder_names
from data_registry.ingest.importing import import_folder
from data_registry.ingest.labelled_set import read_labelled_set
from data_registry.registry import Registry
from data_registry.text.file_names import (
    derive_class_name,
    explain_unusable_class_name,
    normalise_for_comparison,
)
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

ODD = ("con", "q?", 'a"b', "50%41", "a\\b", "=cmd", "'=x", "+1", "none", "train", "t\u00ebst", "x.")
PHOTOS = [jpeg(1), jpeg(2)]
class_names = (
    st.text(min_size=1, max_size=40)
    .map(derive_class_name)
    .filter(lambda name: not explain_unusable_class_name(name))
)


def export_names(folder: Path, names: list[str]) -> Path:
    """Build what `export` writes of names: folders, the manifest and the card."""
    rows = []
    for name, safe in build_folder_names(names).items():
        (folder / "train" / safe).mkdir(parents=True)
        for number, data in enumerate(PHOTOS):
            file = f"train/{safe}/{number}.jpg"
            (folder / file).write_bytes(data)
            rows.append({"file": file, "sha256": str(number), "class_name": name})
    write_csv(pd.DataFrame(rows), folder / "manifest.csv")
    (folder / "version.json").write_text("{}")
    return folder


@settings(max_examples=60)
@given(st.lists(class_names, min_size=2, max_size=5, unique_by=normalise_for_comparison))
def test_every_class_name_comes_back(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = export_names(Path(place) / "export", names)
        for given_folder in (folder, folder / "train"):
            files = read_labelled_set(given_folder).files
            assert {file.class_name for file in files} == set(names)


def test_an_export_is_imported_as_it_was(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "first") as registry:
        import_folder(registry, labelled_set(tmp_path / "set", per_class=3, classes=ODD))
        link_images_by_hashes(registry, Radii())
        update_groups(registry)
        assign_splits(registry, SplitSettings())
        version = publish(registry, {"groups": {}})
        export_version(registry, version, "imagefolder", tmp_path / "export", project="x")
    with Registry.open(tmp_path / "second") as registry:
        assert import_folder(registry, tmp_path / "export").classes == dict.fromkeys(ODD, 3)


@pytest.mark.parametrize("manifest", [b"", b"file,class\n", b"\xff", b'file,class_name\n"x,y\n'])
def test_other_folders_keep_their_names(tmp_path: Path, manifest: bytes) -> None:
    folder = labelled_set(tmp_path / "set", per_class=2, classes=("%63on", "dog"))
    for _ in range(2):
        assert {file.class_name for file in read_labelled_set(folder).files} == {"%63on", "dog"}
        (folder / "version.json").write_text("{}")
        (folder / "manifest.csv").write_bytes(manifest)

"""Every kind of file that a workspace keeps, damaged in every way, under commands that read it.

A damaged file is bad input: exit code 2, with the file's name and what to do, and no traceback.
"""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from small_project import ephyra, told, write_found, write_labelled_set, write_project

from data_registry.versions.manifest import read_manifest, write_manifest
from data_registry.versions.published_versions import load_versions
from flows.config.workspace import open_workspace

pytestmark = pytest.mark.slow

MODEL = ("predict", "labelled/moon/0.jpg")
COMPARE = ("report", "--compare", "champion", "champion")
EXPORT_MODEL = ("export-model", "champion", "model")
RUN_READERS = (MODEL, EXPORT_MODEL, ("train",))
VERSION_READERS = (("export", "v1", "handed"), ("describe",), ("diff", "v1", "v1"), ("train",))
# Which files, and what reads them.
READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "versions/*.json": (
        ("status",),
        ("versions",),
        ("verify",),
        ("merge",),
        ("gc",),
        *VERSION_READERS,
    ),
    "versions/[0-9a-f]*.parquet": (("gc",), *VERSION_READERS),
    "runs/*/card.json": RUN_READERS,
    "runs/*/metrics.json": RUN_READERS,
    "runs/*/predictions.parquet": RUN_READERS,
    "runs/*/model.safetensors": (MODEL, EXPORT_MODEL),
    "runs/*/cost.json": (("train",),),
    "runs/*/calibration.json": (MODEL, ("train",)),
    "embeddings/*/*/part-*.parquet": (("label",), ("gc",)),
    "out_of_fold/*.parquet": (("describe",),),
    "reports/*/runs.txt": (("report",),),
    "workspace.json": (("status",), ("gc",), MODEL),
    "registry.db": (("status",), ("gc",)),
    "ephyra.toml": (("status",), ("train",)),
}
EMPTY_IS_SOUND = ("reports/*/runs.txt", "ephyra.toml", "registry.db")
RANDOM = bytes(range(1, 256)) * 4 + b"\xff\xfe\x80"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project that went the whole way."""
    folder = write_project(tmp_path_factory.mktemp("whole") / "bay")
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    told(folder, "import", folder / "labelled")
    for command in ("collect", "label", "merge", "train"):
        told(folder, command)
    return folder


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Callable[[str], Path]:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(whole, tmp_path / name))

    return copy


def damages(pattern: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if pattern not in EMPTY_IS_SOUND:
        yield "zero bytes", b""
    if not pattern.endswith((".txt", ".toml", ".db")):
        yield "truncated", data[: len(data) // 2]
    yield "random", RANDOM
    if pattern.endswith(".json"):
        yield "a list", b"[1, 2]"
        yield "null", b"null"
        values = json.loads(data)
        for name, value in values.items():
            if name not in ("settings", "checks", "images", "folds"):
                wrong = 7 if isinstance(value, dict | list | str) else {"of": "another type"}
                yield f"wrong {name}", json.dumps({**values, name: wrong}).encode()
    if pattern.endswith(".parquet"):
        yield "other columns", parquet(pd.DataFrame({"x": [1, 2]}))
        table = pd.read_parquet(io.BytesIO(data))
        yield "other types", parquet(table.assign(**dict.fromkeys(table.columns, True)))


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


@pytest.mark.parametrize("pattern", READERS)
def test_a_damaged_file_is_named(pattern: str, copied: Callable[[str], Path]) -> None:
    project = copied("bay")
    files = sorted(path for path in project.glob(pattern) if ".soft." not in path.name)
    assert files, "the project has no such file"
    kept = {file: file.read_bytes() for file in files}
    for what, damaged in damages(pattern, kept[files[0]]):
        for arguments in READERS[pattern]:
            for file in files:
                file.write_bytes(damaged)
            said = ephyra(*_below(project, arguments), "--project", project)
            assert said.code == 2, (what, arguments, said)
            assert any(file.name in said.err for file in files), (what, arguments, said.err)
            assert "Traceback" not in said.out + said.err
    for file, data in kept.items():
        file.write_bytes(data)
    for arguments in READERS[pattern]:
        assert ephyra(*_below(project, arguments), "--project", project).code == 0, arguments


def _below(project: Path, arguments: tuple[str, ...]) -> list[str]:
    """Paths in arguments lie in the project."""
    for made in ("handed", "model"):
        shutil.rmtree(project / made, ignore_errors=True)
    return [
        str(project / item) if item in ("handed", "model") or "/" in item else item
        for item in arguments
    ]


def test_rows_that_were_changed_are_not_handed_over(copied: Callable[[str], Path]) -> None:
    project = copied("bay")
    with open_workspace(project) as workspace:
        registry = workspace.registry
        hashes = [item.version_hash for item in load_versions(registry)]
        for version in hashes:
            rows = read_manifest(registry, version)
            names = sorted(rows["class_name"].unique())
            swapped = rows["class_name"].map(dict(zip(names, reversed(names), strict=True)))
            write_manifest(registry, version, rows.assign(class_name=swapped))
    for arguments in VERSION_READERS:
        said = ephyra(*_below(project, arguments), "--project", project)
        assert said.code == 2, (arguments, said)
        assert any(f"{name}.parquet is not what was published" in said.err for name in hashes)
    assert not (project / "handed").exists()
    said = ephyra("verify", "--project", project)
    assert said.code == 1
    assert "version-changed" in said.out


def test_damaged_images_are_named(copied: Callable[[str], Path]) -> None:
    project = copied("bay")
    blobs = sorted(path for path in (project / "blobs").rglob("*") if path.is_file())
    for damaged in (b"", RANDOM, blobs[0].read_bytes()[:500]):
        for file in blobs:
            file.write_bytes(damaged)
        said = ephyra("export", "v1", project / "handed", "--project", project)
        assert said.code == 2
        assert any(file.name in said.err for file in blobs)
        for command in ("label", "describe"):
            shutil.rmtree(project / "embeddings", ignore_errors=True)
            said = ephyra(command, "--project", project)
            assert said.code in (0, 2), (command, said)
        said = ephyra("verify", "--blobs", "--project", project)
        assert said.code == 1
        assert "blob-changed" in said.out


def test_a_damaged_fold_is_named(copied: Callable[[str], Path]) -> None:
    project = copied("bay")
    for file in project.glob("runs/*/calibration.json"):
        file.unlink()
    folds = sorted(project.glob("cross_validation/*.parquet"))
    assert folds
    for damaged in (b"", RANDOM, parquet(pd.DataFrame({"x": [1]}))):
        for file in folds:
            file.write_bytes(damaged)
        said = ephyra("train", "--project", project)
        assert said.code == 2, said
        assert any(file.name in said.err for file in folds)

"""Test photographs planted in crawls under edits: how many are kept out of train?

The project's own way: the test set is imported, the crawl ingested, grouped by hashes and features,
accepted as if a teacher had been sure of everything, and published. One crawl a kind, so that no
canary is found by way of another one.
"""

import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks._copy_set import Features, compute_share, number_components, read_natural_families
from benchmarks._edits import EDITS, edit_photograph
from data_registry.duplicates.feature_evidence import link_images_by_features
from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.images.hashing import compute_sha256
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import Registry
from data_registry.storage import schema
from data_registry.versions.manifest import EXCLUDED, read_manifest
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits, load_assigned_splits

_CLASS = "photo"
_TEACHER = "benchmark"
_TRAIN = 20  # photographs that make the set one with splits


def measure_canaries(shared: Path, place: Path, features: Features, counts: tuple[int, int]) -> Any:
    """Count for each kind the canaries that are kept out, and the clean photographs.

    Args:
        shared: where the photographs lie.
        place: an empty folder for the workspaces.
        features: by which images are grouped.
        counts: of test photographs, of clean ones.

    Returns:
        ``kinds``, ``clean`` and the outcomes of every image, for the file beside the figures.
    """
    tests, clean, train = _choose_photographs(shared, *counts)
    base = place / "base"
    _import_set(base, place / "set", {"test": tests, "train": train})
    with Registry.open(base) as registry:
        _store_images(registry, [file.read_bytes() for file in clean])
        _group_images(registry, features)
    clean_names = {compute_sha256(file.read_bytes()): _name_file(shared, file) for file in clean}
    out_of_train: dict[str, set[str]] = {name: set() for name in clean_names}
    kinds, outcomes = {}, []
    for kind in EDITS:
        found = _crawl(base, place / "crawl", kind, tests, features)
        for name in clean_names.keys() & found["excluded"]:
            out_of_train[name].add(kind)
        rows = [
            {"kind": kind, "file": _name_file(shared, file), "half": number % 2, **outcome}
            for number, (file, outcome) in enumerate(zip(tests, found["canaries"], strict=True))
        ]
        kinds[kind] = _compute_shares(rows)
        outcomes += rows
    wrong = {clean_names[name]: sorted(kinds) for name, kinds in out_of_train.items() if kinds}
    return {
        "kinds": kinds,
        "clean": {**compute_share(len(wrong), len(clean)), "wrongly_kept_out": wrong},
        "clean_by_half": [_clean_half(wrong, clean, shared, half) for half in (0, 1)],
        "outcomes": outcomes,
    }


def _choose_photographs(
    shared: Path, tests: int, clean: int
) -> tuple[list[Path], list[Path], list[Path]]:
    """Choose test photographs of caltech_open, clean and train ones; one of each family."""
    data = shared / "data"
    families, taken = read_natural_families(), set()
    chosen: dict[bool, list[Path]] = {True: [], False: []}
    rng = random.Random(0)
    for folder in ("caltech_open", "pizza_steak_sushi", "restaurant_example"):
        files = sorted(file for file in (data / folder).rglob("*.jp*g"))
        rng.shuffle(files)
        for file in files:
            name = _name_file(shared, file)
            if families.get(name, name) not in taken:
                taken.add(families.get(name, name))
                chosen[folder == "caltech_open"].append(file)
    caltech = chosen[True]
    rest = [*caltech[tests:], *chosen[False]]
    rng.shuffle(rest)
    return caltech[:tests], rest[:clean], rest[clean : clean + _TRAIN]


def _name_file(shared: Path, file: Path) -> str:
    return file.relative_to(shared / "data").as_posix()


def _import_set(base: Path, folder: Path, splits: Mapping[str, Sequence[Path]]) -> None:
    """Import a set with a train folder: without one, no image would be in test."""
    for split, files in splits.items():
        (folder / split / _CLASS).mkdir(parents=True)
        for number, file in enumerate(files):
            shutil.copy(file, folder / split / _CLASS / f"{number:04}.jpg")
    with Registry.open(base) as registry:
        import_folder(registry, folder)
        update_groups(registry)
        assign_splits(registry, SplitSettings())
        where = load_assigned_splits(registry)
        assert all(where[compute_sha256(file.read_bytes())] == "test" for file in splits["test"])


def _store_images(registry: Registry, images: Sequence[bytes]) -> list[str]:
    """Store images as a collection does, all accepted with certainty."""
    batch = []
    for data in images:
        name = registry.store_bytes(data)
        source = Source(provider="benchmark", url=f"benchmark:{name}")
        attempt = FetchAttempt(source=source, outcome="stored", sha256=name, byte_count=len(data))
        batch.append(CollectedImage(attempt, build_image_record(data, decode(data))))
    registry.record_collected(batch)
    record_teacher(registry, _TEACHER, {})
    names = [item.attempt.sha256 for item in batch]
    record_decisions(
        registry,
        [
            Decision(
                sha256=name,
                teacher_id=_TEACHER,
                policy="all",
                verdict="accepted",
                class_name=_CLASS,
                confidence=1.0,
                reason="sure",
                detail="",
            )
            for name in names
        ],
    )
    return names


def _group_images(registry: Registry, features: Features) -> None:
    bytes_of = {name: registry.read_image(name) for name in sorted(registry.find_present_images())}
    link_images_by_hashes(registry, Radii())
    link_images_by_features(registry, list(bytes_of), features.extract(bytes_of), MatchThresholds())
    update_groups(registry)


def _crawl(
    base: Path, place: Path, kind: str, tests: Sequence[Path], features: Features
) -> dict[str, Any]:
    """Crawl from the base with the canaries of one kind."""
    shutil.copytree(base / "blobs", place / "blobs", copy_function=os.link)
    shutil.copy(base / "registry.db", place / "registry.db")
    with Registry.open(place) as registry:
        names = _store_images(
            registry, [edit_photograph(file.read_bytes(), kind) for file in tests]
        )
        _group_images(registry, features)
        manifest = read_manifest(registry, publish(registry, {}).version_hash)
        links, compared = _load_links(registry), _load_comparisons(registry)
    names_of_version = manifest["sha256"].tolist()
    excluded = set(manifest["sha256"][manifest["split"] == EXCLUDED])
    originals = [compute_sha256(file.read_bytes()) for file in tests]
    by = {method: _count_linked(names_of_version, links, method) for method in ("hash", "features")}
    shutil.rmtree(place)
    canaries = [
        {"kept_out": name in excluded}
        | {f"by_{method}": group[name] == group[original] for method, group in by.items()}
        | {"compared": compared.get(frozenset((name, original)))}
        for name, original in zip(names, originals, strict=True)
    ]
    return {"excluded": excluded, "canaries": canaries}


def _load_links(registry: Registry) -> list[tuple[str, str, str]]:
    table = schema.group_link
    rows = registry.database.rows(sa.select(table.c.method, table.c.first, table.c.second))
    return [(row.method, row.first, row.second) for row in rows]


def _load_comparisons(registry: Registry) -> dict[frozenset[str], tuple[float, ...]]:
    rows = registry.database.rows(sa.select(schema.comparison))
    return {
        frozenset((row.first, row.second)): (row.points, row.share, row.correlation) for row in rows
    }


def _count_linked(
    names: Sequence[str], links: Sequence[tuple[str, str, str]], method: str
) -> Mapping[str, int]:
    return number_components(names, [(one, other) for by, one, other in links if by == method])


def _compute_shares(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kept_out = [row["kept_out"] for row in rows]
    return {
        **compute_share(sum(kept_out), len(rows)),
        "by_hashes": sum(row["by_hash"] for row in rows),
        "by_features_alone": sum(row["by_features"] and not row["by_hash"] for row in rows),
        "tuned_on": compute_share(sum(kept_out[0::2]), len(kept_out[0::2])),
        "not_tuned_on": compute_share(sum(kept_out[1::2]), len(kept_out[1::2])),
    }


def _clean_half(
    wrong: Mapping[str, object], clean: Sequence[Path], shared: Path, half: int
) -> dict[str, Any]:
    names = [_name_file(shared, file) for file in clean[half::2]]
    return compute_share(sum(name in wrong for name in names), len(names))

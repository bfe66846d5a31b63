"""The jellyfish set without its name pattern: which augmented files end beside their source?"""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks._copy_set import (
    Features,
    compute_share,
    find_wrongly_joined,
    number_components,
    read_natural_families,
)
from benchmarks._peers import NotInstalledError, install_peers
from data_registry.duplicates.feature_evidence import link_images_by_features
from data_registry.duplicates.grouping import link_images_by_hashes, load_groups, update_groups
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.storage import schema

Groups = Mapping[str, object]  # from a file's path below the set
Evidence = Callable[[Registry], None]
_SET = "jellyfish"
_ARM = Path(__file__).with_name("_copies_arm.py")
_COSINE = 0.85
_AUGMENTED = re.compile(r"aug-\d+-(.+)")
_NOT_RUN = "its weights come from a hub, which a benchmark does not ask"


def measure_families(shared: Path, place: Path, features: Features) -> dict[str, Any]:
    """Measure recall of (augmented, source) pairs and wrongly joined originals of each arm.

    Args:
        shared: where the photographs lie.
        place: a folder for workspaces, pairs and groups.
        features: by which images are grouped, computed beforehand.
    """

    def by_features(registry: Registry) -> None:
        bytes_of = {
            name: registry.read_image(name) for name in sorted(registry.find_known_images())
        }
        link_images_by_features(
            registry, list(bytes_of), features.extract(bytes_of), MatchThresholds()
        )

    folder = shared / "data" / _SET
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in _list_files(folder)}
    vectors = features.extract(files)

    def by_hashes(registry: Registry) -> None:
        link_images_by_hashes(registry, Radii())

    arms = {"hashes": [by_hashes], "features": [by_features], "both": [by_hashes, by_features]}
    ours = {name: _run_ephyra(folder, place / name, evidence) for name, evidence in arms.items()}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = list(files)
    alike = zip(*np.nonzero(np.triu(unit @ unit.T >= _COSINE, 1)), strict=True)
    cosine = number_components(names, [(names[one], names[other]) for one, other in alike])
    peers = {f"cosine {_COSINE} alone": _score_groups(cosine)}
    peers |= {arm: _run_peer(arm, files, place) for arm in ("imagededup", "cleanvision")}
    return {"ours": ours, "peers": {**peers, "imagededup CNN": {"not_run": _NOT_RUN}}}


def _list_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _run_ephyra(folder: Path, place: Path, evidence: Iterable[Evidence]) -> dict[str, Any]:
    with Registry.open(place) as registry:
        import_folder(registry, folder)
        started = time.perf_counter()
        for link in evidence:
            link(registry)
        update_groups(registry)
        seconds = round(time.perf_counter() - started, 1)
        groups = load_groups(registry)
        label = schema.label
        rows = registry.database.rows(sa.select(label.c.path, label.c.sha256))
    return {**_score_groups({row.path: groups[row.sha256] for row in rows}), "seconds": seconds}


def _score_groups(groups: Groups) -> dict[str, Any]:
    """Compute the share of pairs in one group, and the wrongly joined originals."""
    originals = {path: group for path, group in groups.items() if _find_source(path) is None}
    sources = {_build_key(path, Path(path).stem): group for path, group in originals.items()}
    pairs = [
        group == sources[_build_key(path, source)]
        for path, group in groups.items()
        if (source := _find_source(path)) is not None
    ]
    families = read_natural_families()
    family_of = {path: families.get(f"{_SET}/{path}", path) for path in originals}
    wrong = find_wrongly_joined(originals, family_of)
    alone = find_wrongly_joined(originals, {})
    return {
        "pairs_together": compute_share(sum(pairs), len(pairs)),
        "originals_wrongly_joined": compute_share(len(wrong), len(originals)),
        "natural_copies_joined": len(alone) - len(wrong),
        "wrong": wrong[:20],
    }


def _find_source(path: str) -> str | None:
    match = _AUGMENTED.fullmatch(Path(path).stem)
    return match[1] if match else None


def _build_key(path: str, stem: str) -> str:
    return f"{Path(path).parent}/{stem}"


def _run_peer(arm: str, files: Mapping[str, bytes], place: Path) -> dict[str, Any]:
    """Run a peer on one folder with all files, under plain names."""
    try:
        python = install_peers(arm)
    except NotInstalledError as error:
        return {"not_installed": str(error)}
    folder, found = place / "flat", place / f"{arm}.json"
    names = {path.replace("/", "__"): path for path in files}
    if not folder.exists():
        folder.mkdir()
        for name, path in names.items():
            (folder / name).write_bytes(files[path])
    command = [str(python), str(_ARM), arm, str(folder), str(found)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr[-300:]}
    pairs = [(names[one], names[other]) for one, other in json.loads(found.read_text())]
    seconds = float(done.stdout.split()[-1])
    return {**_score_groups(number_components(files, pairs)), "seconds": seconds}

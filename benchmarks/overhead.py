"""What Prefect costs: the demo as a flow beside plain calls; shards beside one task an image."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._common import run_benchmark
from benchmarks._small_bay import write_small_bay
from data_registry.progress import SilentProgress
from data_registry.verification.digest import compute_canonical_digest
from flows.config.scaffold import write_files
from flows.config.workspace import open_workspace
from flows.demo.bay import Bay, write_labelled_set
from flows.demo.pretext import STEPS, train_backbone
from flows.demo.server import GalleryServer
from flows.demo.tour import build_demo_project


def measure(quick: bool) -> Mapping[str, Any]:
    """Seconds of whole commands, start of Python and of Prefect's server in process included."""
    with tempfile.TemporaryDirectory(prefix="ephyra-overhead-") as name:
        folder = Path(name)
        plain, flow, same = _run_small_bay(folder) if quick else _run_demo(folder)
        shards = _measure_embedding(folder, 256, 64 if quick else 512)
        singles = _measure_embedding(folder, 1, 64 if quick else 512)
    return {
        "ours": {"flow_seconds": flow, "digest_equal": same, "shards_of_256": shards},
        "peers": {"plain_calls": {"seconds": plain}, "one_task_an_image": singles},
        "ratios": {
            "flow_to_plain": round(flow / plain, 2),
            "one_task_an_image_to_shards": round(singles["seconds"] / shards["seconds"], 1),
        },
        "goals": {
            "same digest": same,
            "shards faster than one task an image": shards["seconds"] < singles["seconds"],
        },
    }


def _run_demo(folder: Path) -> tuple[float, float, bool]:
    bay, template = Bay(seed=0), folder / "template"
    write_labelled_set(bay, template / "labelled", SilentProgress())
    backbone = train_backbone(template / "backbone.safetensors", 0, STEPS, SilentProgress())
    with GalleryServer(bay) as gallery:
        write_files(template, build_demo_project(gallery.url, backbone))
        return _run_both(folder, template)


def _run_small_bay(folder: Path) -> tuple[float, float, bool]:
    template = write_small_bay(folder / "template", labelled=8, found=4, steps=10)
    return _run_both(folder, template)


def _run_both(folder: Path, template: Path) -> tuple[float, float, bool]:
    """Run plain calls and the flow: seconds of both, and whether the digests are equal."""
    plain = Path(shutil.copytree(template, folder / "plain"))
    flow = Path(shutil.copytree(template, folder / "flow"))
    command = [sys.executable, "-m", "benchmarks._plain_run", str(plain), str(plain / "labelled")]
    plain_seconds = _time_command(folder, command)
    ephyra = str(Path(sys.executable).with_name("ephyra"))
    given = [ephyra, "run", "--import", str(flow / "labelled"), "--project", str(flow), "--json"]
    return (
        plain_seconds,
        _time_command(folder, given),
        _compute_digest(plain) == _compute_digest(flow),
    )


def _measure_embedding(folder: Path, shard_size: int, images: int) -> dict[str, Any]:
    """Measure features of this many small images inside a flow, on two workers."""
    place = write_small_bay(folder / f"shards-{shard_size}", labelled=4, found=images // 4 - 4)
    file = place / "ephyra.toml"
    text = file.read_text().replace("shard_size = 64", f"shard_size = {shard_size}\nworkers = 2")
    file.write_text(text)
    _store_candidates(place)
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks._embed_flow", str(place)],
        env=_build_environment(folder),
        check=True,
        capture_output=True,
        text=True,
    )
    count, shards, seconds = said.stdout.split()
    return {"images": int(count), "shards": int(shards), "seconds": round(float(seconds), 1)}


def _store_candidates(place: Path) -> None:
    from flows.stages.stages import collect_stage

    with open_workspace(place) as workspace:
        collect_stage(workspace)


def _time_command(folder: Path, command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=_build_environment(folder), check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - started, 1)


def _build_environment(folder: Path) -> dict[str, str]:
    quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL"}
    home = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": "", "DO_NOT_TRACK": "1"}
    return {**os.environ, **quiet, **home}


def _compute_digest(folder: Path) -> str:
    with open_workspace(folder) as workspace:
        return compute_canonical_digest(workspace.registry)


if __name__ == "__main__":
    run_benchmark("overhead", measure)

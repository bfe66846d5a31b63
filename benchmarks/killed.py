"""The flow, its worker and its server killed at random moments, then gone on with.

After each kill the run is retried until it completes. Its canonical digest must equal that of an
undisturbed run, and so must the accuracies and log-losses of its models.
"""

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._common import run_benchmark
from benchmarks._prefect import TERMINAL, Site, kill_flow, list_processes, wait_until
from benchmarks._small_bay import write_small_bay
from data_registry.runs.run_records import load_runs
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify
from flows.config.settings import build_radii
from flows.config.workspace import open_workspace
from flows.deployments.stale_runs import mark_orphans_crashed

STAGES = ("collect", "embed", "group", "label", "merge", "verify", "train", "decide")
QUICK = (("flow", "train"), ("worker", "label"), ("server", "collect"))
PLAN = (
    *(("flow", stage) for stage in STAGES),
    *(("worker", stage) for stage in ("collect", "label", "train", "decide")),
    *(("server", stage) for stage in ("collect", "label", "merge", "train")),
    *(("flow", stage) for stage in ("collect", "label", "train", "train")),
)
TOLERANCE = 1e-9
MOST_RETRIES = 3
MOST_ATTEMPTS = 5  # to hit a run before it has ended


@dataclass(frozen=True)
class Kill:
    """One kill and what came of it.

    Attributes:
        victim: flow, worker or server.
        stage: the stage before which every other had ended.
        after: seconds since then.
        state: what became of the run by itself.
        retries: how often it was gone on with. Prefect's runner tells of a crash at once and its
            worker again half a minute later; a retry in between is marked crashed once more.
        digest_equal: whether the canonical digest is that of an undisturbed run.
        metrics_difference: the largest difference of an accuracy or log-loss.
        breaches: rules that `verify --blobs` found broken.
    """

    victim: str
    stage: str
    after: float
    state: str
    retries: int
    digest_equal: bool
    metrics_difference: float
    breaches: int


@dataclass(frozen=True)
class Found:
    """What a workspace holds in the end."""

    digest: str
    metrics: Mapping[str, float]
    breaches: int


def measure(quick: bool) -> Mapping[str, Any]:
    """SIGKILL to flow, worker and server, 20 times (3 with --quick), beside an undisturbed run."""
    with tempfile.TemporaryDirectory(prefix="ephyra-killed-") as folder:
        kills = kill_all(Path(folder), QUICK if quick else PLAN, seed=0)
    return {
        "ours": {"kills": [asdict(kill) for kill in kills], "tolerance": TOLERANCE},
        "peers": {},
        "ratios": {},
        "goals": {
            "digest as undisturbed": all(kill.digest_equal for kill in kills),
            "metrics as undisturbed": all(k.metrics_difference <= TOLERANCE for k in kills),
            "no rule broken": not any(kill.breaches for kill in kills),
        },
    }


def kill_all(folder: Path, plan: tuple[tuple[str, str], ...], seed: int) -> list[Kill]:
    """Run once undisturbed, then once for each kill of the plan."""
    chance = random.Random(seed)
    with Site(folder / "prefect") as site:
        template = write_small_bay(folder / "template", api=site.api)
        _require_success(site.run_command("ephyra", "deploy", folder=template))
        site.start_worker()
        calm = _copy_template(template, folder / "calm")
        seconds = _run_undisturbed(site, calm)
        wanted = summarise_workspace(calm)
        kills = []
        for number, (victim, stage) in enumerate(plan, start=1):
            for attempt in range(MOST_ATTEMPTS):
                place = _copy_template(template, folder / f"kill-{number}-{attempt}")
                after = chance.uniform(0, seconds[stage])
                kill = _run_killed(site, place, victim, stage, after=after, wanted=wanted)
                shutil.rmtree(place)
                if kill:
                    break
            else:
                raise RuntimeError(f"{victim} was never hit in {stage}: it ended before")
            kills.append(kill)
            sys.stderr.write(f"{number}: {kill}\n")
        return kills


def summarise_workspace(folder: Path) -> Found:
    """Digest, metrics and breaches of a workspace."""
    with open_workspace(folder) as workspace:
        metrics = {
            f"{run_id} {split} {name}": float(found[split][name])
            for run_id, found in load_runs(workspace.registry)[["run_id", "metrics"]].to_numpy()
            for split in ("val", "test")
            for name in ("accuracy", "log_loss")
        }
        verified = verify(workspace.registry, build_radii(workspace), blobs=True)
        return Found(compute_canonical_digest(workspace.registry), metrics, len(verified.breaches))


def _run_undisturbed(site: Site, folder: Path) -> dict[str, float]:
    """Run once and say how many seconds each stage takes, at least a tenth."""
    begun = len(site.log("worker"))
    run_id = _ask(site, folder)
    wait_until(lambda: _count_ended_stages(site, begun) > 0, "the first stage has ended")
    ends = [time.monotonic() - 1]
    while site.read_flow_run(run_id)["state_type"] not in TERMINAL:
        ends += [time.monotonic()] * (_count_ended_stages(site, begun) - len(ends) + 1)
        time.sleep(0.02)
    ends += [time.monotonic()] * (len(STAGES) - len(ends) + 1)
    assert site.read_flow_run(run_id)["state_type"] == "COMPLETED", site.read_flow_run(run_id)[
        "state"
    ]
    lasted = [max(0.1, now - before) for before, now in pairwise(ends)]
    return dict(zip(STAGES, lasted, strict=True))


def _run_killed(
    site: Site, folder: Path, victim: str, stage: str, *, after: float, wanted: Found
) -> Kill | None:
    """Kill during a run and go on with it; None where the run had ended before."""
    begun = len(site.log("worker"))
    run_id = _ask(site, folder)
    _wait_for_stage(site, run_id, begun, stage)
    time.sleep(after)
    if not _kill(site, victim, run_id):
        return None
    state = _wait_until_settled(site, folder, run_id)
    retries = 0
    while site.read_flow_run(run_id)["state_type"] != "COMPLETED":
        retries += 1
        assert retries <= MOST_RETRIES, site.read_flow_run(run_id)["state"]
        _require_success(site.run_command("prefect", "flow-run", "retry", run_id, folder=folder))
        _wait_until_settled(site, folder, run_id)
    got = summarise_workspace(folder)
    assert got.metrics.keys() == wanted.metrics.keys(), "other models than undisturbed"
    return Kill(
        victim=victim,
        stage=stage,
        after=round(after, 2),
        state=state,
        retries=retries,
        digest_equal=got.digest == wanted.digest,
        metrics_difference=max(
            abs(got.metrics[name] - wanted.metrics[name]) for name in wanted.metrics
        ),
        breaches=got.breaches,
    )


def _kill(site: Site, victim: str, run_id: str) -> bool:
    """SIGKILL, if the run is still at work; server and worker are started again a second later."""
    if not list_processes(run_id):
        return False
    if victim == "flow":
        return kill_flow(run_id) > 0
    site.kill(victim)
    time.sleep(1)
    if victim == "server":
        site.start_server()
    else:
        site.start_worker()
    return True


def _wait_for_stage(site: Site, run_id: str, begun: int, stage: str) -> None:
    """Wait until every stage before this one has ended; for the first, until the flow begins."""
    before = STAGES.index(stage)
    if before:
        wait_until(lambda: _count_ended_stages(site, begun) >= before, f"{stage} begins")
    else:
        wait_until(lambda: site.read_flow_run(run_id)["state_type"] == "RUNNING", "the flow begins")


def _count_ended_stages(site: Site, begun: int) -> int:
    """How many stages the worker's log says have ended since it was `begun` characters long."""
    ended = re.findall(
        r"Task run '(\w+)-\w+' - Finished in state Completed", site.log("worker")[begun:]
    )
    return len(set(ended))


def _wait_until_settled(site: Site, folder: Path, run_id: str) -> str:
    """Wait until nobody works on the run; a dead one is marked crashed, as `ephyra up` does."""

    def over() -> bool:
        state = site.read_flow_run(run_id)["state_type"]
        return not list_processes(run_id) and (state in TERMINAL or state == "RUNNING")

    wait_until(over, f"{run_id} is over", 240)
    state = site.read_flow_run(run_id)
    if state["state_type"] not in TERMINAL:
        time.sleep(5)  # the worker may be about to tell
        mark_orphans_crashed(folder)
        wait_until(
            lambda: site.read_flow_run(run_id)["state_type"] in TERMINAL, "it is marked crashed"
        )
    return str(site.read_flow_run(run_id)["state_name"])


def _ask(site: Site, folder: Path) -> str:
    given = f'parameters={{"project": "{folder}"}}'
    said = site.run_command(
        "prefect", "deployment", "run", "collect-and-label", "--param", given, folder=folder
    )
    _require_success(said)
    found = re.search(r"UUID: ([0-9a-f-]{36})", said.stdout)
    assert found, said.stdout
    return found[1]


def _require_success(said: "subprocess.CompletedProcess[str]") -> None:
    if said.returncode:
        raise RuntimeError(f"{said.args} failed: {said.stdout}{said.stderr}")


def _copy_template(template: Path, folder: Path) -> Path:
    return Path(shutil.copytree(template, folder))


if __name__ == "__main__":
    run_benchmark("killed", measure)

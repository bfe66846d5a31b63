"""Training, inference and loading, beside a bare PyTorch loop and timm's and torchvision's ways."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._common import run_benchmark
from benchmarks._loading_arms import measure_loading
from benchmarks._training_arms import Arm, Task, build_inference_arms, build_training_arms

_ROOT = Path(__file__).parents[1]
_MODELS = ("cnn", "resnet18", "tf_efficientnetv2_b0")
_SIDE, _QUICK_SIDE = 128, 64
_ENOUGH, _AHEAD, _LOADER = 0.95, 1.5, 3.0
_SAME_ACCURACY = 0.01
_LEVEL = 1.1


@dataclass(frozen=True)
class _Best:
    """The best of some rounds: other work on the machine only ever slows a round down."""

    rate: float
    accuracy: float | None


def measure(quick: bool) -> Mapping[str, Any]:
    """Images per second; the arms take turns, and the best of their rounds counts."""
    task = Task(side=_QUICK_SIDE if quick else _SIDE, steps=12 if quick else 24, batch=16)
    rounds = 1 if quick else 3
    training = {name: _run_in_turns(build_training_arms(name, task), rounds) for name in _MODELS}
    inference = {name: _run_in_turns(build_inference_arms(name, task), rounds) for name in _MODELS}
    loaded = measure_loading(60 if quick else 600, rounds)
    few, many = (
        _measure_memory(700 if quick else 7_000),
        _measure_memory(7_000 if quick else 70_000),
    )
    found = {"training": training, "inference": inference, "loading": loaded}
    ratios = _compute_ratios(training, inference, loaded)
    return {
        "side": task.side,
        "batch": task.batch,
        "steps": task.steps,
        "rounds": rounds,
        "ours": {part: _select_arms(arms, ours=True) for part, arms in found.items()},
        "peers": {part: _select_arms(arms, ours=False) for part, arms in found.items()},
        "memory": [few, many],
        "ratios": ratios,
        "goals": {
            **_check_goals(ratios, inference),
            "memory stays level over ten times the images": many["peak_megabytes"]
            <= _LEVEL * few["peak_megabytes"],
        },
        "computed_from": str(_write_rates(found)),
    }


def _measure_memory(images: int) -> dict[str, int]:
    command = [sys.executable, "-m", "benchmarks._loading_memory", str(images)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _run_in_turns(arms: Mapping[str, Arm], rounds: int) -> dict[str, _Best]:
    runs = [{name: arm() for name, arm in arms.items()} for _ in range(rounds)]
    return {
        name: _Best(round(max(run[name][0] for run in runs), 1), runs[-1][name][1]) for name in arms
    }


def _compute_ratios(
    training: Mapping[str, Mapping[str, _Best]],
    inference: Mapping[str, Mapping[str, _Best]],
    loaded: Mapping[str, float],
) -> dict[str, float]:
    ratios = {
        f"loading, {passes}: {peer}": loaded[f"ours, {passes}"] / rate
        for passes in ("first pass", "four passes")
        for peer, rate in loaded.items()
        if not peer.startswith("ours")
    }
    for part, by_model in (("training", training), ("inference", inference)):
        for name, arms in by_model.items():
            for peer, best in arms.items():
                if not peer.startswith("ours"):
                    ratios[f"{part} {name}: {peer}"] = arms["ours"].rate / best.rate
    return {name: round(ratio, 2) for name, ratio in ratios.items()}


def _check_goals(
    ratios: Mapping[str, float], inference: Mapping[str, Mapping[str, _Best]]
) -> dict[str, bool]:
    def every(test: Callable[[str], bool], least: float) -> bool:
        return all(ratio >= least for name, ratio in ratios.items() if test(name))

    same = all(
        abs((arms["ours"].accuracy or 0) - (arms["timm"].accuracy or 0)) <= _SAME_ACCURACY
        for arms in inference.values()
    )
    return {
        "training at least 0.95 of the bare loop": every(
            lambda name: name.startswith("training") and name.endswith("bare loop"), _ENOUGH
        ),
        "training never behind timm": every(
            lambda name: name.startswith("training") and name.endswith("timm"), 1.0
        ),
        "inference at least 1.5 times timm, equal accuracy": same
        and every(lambda name: name.startswith("inference"), _AHEAD),
        "loading at least 3 times ImageFolder": every(
            lambda name: name.startswith("loading, four passes"), _LOADER
        ),
    }


def _select_arms(found: Mapping[str, Any], *, ours: bool) -> dict[str, Any]:
    if all(isinstance(value, float) for value in found.values()):
        return {name: rate for name, rate in found.items() if name.startswith("ours") == ours}
    return {
        model: {name: vars(best) for name, best in arms.items() if name.startswith("ours") == ours}
        for model, arms in found.items()
    }


def _write_rates(found: Mapping[str, Any]) -> Path:
    path = Path(tempfile.mkdtemp(prefix="ephyra-training-")) / "rates.json"
    path.write_text(json.dumps(found, default=vars, indent=2))
    return path


if __name__ == "__main__":
    run_benchmark("training", measure)

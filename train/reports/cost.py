"""What a model costs: weights, multiplications, time, and size on disk."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from data_registry.storage.files import FileStore
from data_registry.storage.json_records import refuse_unknown_keys
from data_registry.storage.stored_content import read_record
from train.data.device import Compute, select_compute
from train.data.preprocessing import Preprocessing
from train.experiments.runs import Run, load_run
from train.models.models import Classifier

_FLOPS_A_MAC = 2  # a multiplication and an addition
_BATCH = 16
_TIMES = 5


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a model costs, to train and to ask.

    Attributes:
        parameters: number of weights.
        macs: multiply-accumulates of convolutions and matrix products for one image.
        train_seconds: wall-clock time of the fitting.
        train_images_per_second: images learnt from, in that time; checks included.
        milliseconds: for one image by itself, the model alone; the fastest of 5.
        images_per_second: in batches of 16, the model alone; the fastest of 5.
        bytes_on_disk: of the weights' file.
        device: ``cpu`` or ``cuda``, where the last two were measured.
    """

    parameters: int
    macs: int
    train_seconds: float
    train_images_per_second: float
    milliseconds: float
    images_per_second: float
    bytes_on_disk: int
    device: str


def get_cost(files: FileStore, run: Run) -> Cost:
    """Get a run's cost: measured once, then read from ``runs/<id>/cost.json``.

    Raises:
        StorageError: the run's weights are not there.
    """
    path = f"runs/{run.card.run_id}/cost.json"
    if files.exists(path):
        advice = "Delete it: the cost is measured again"
        return read_record(files, path, Cost, advice)
    model = load_run(files, run.card.run_id)
    asked = measure_inference(model.classifier, run.card.preprocessing)
    fitted = run.card.fitted
    learnt = fitted.steps * run.card.config.batch_size
    cost = Cost(
        parameters=run.card.parameter_count,
        train_seconds=fitted.seconds,
        train_images_per_second=learnt / max(fitted.seconds, 1e-9),
        bytes_on_disk=len(files.read(f"runs/{run.card.run_id}/model.safetensors")),
        **asked,
    )
    files.write(path, json.dumps(asdict(cost), indent=1).encode())
    return cost


@torch.no_grad()  # inference mode would leave weights that can be trained no more
def measure_inference(classifier: Classifier, preprocessing: Preprocessing) -> Mapping[str, Any]:
    """Measure inference on pixels of the model's own size, without decoding.

    Returns:
        macs, milliseconds, images_per_second and device, see `Cost`.
    """
    compute = select_compute()
    classifier.eval()
    single = torch.zeros(1, 3, preprocessing.height, preprocessing.width)
    macs = _count_macs(classifier, single)
    classifier.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        alone = _time_fastest_pass(classifier, single, compute)
        together = _time_fastest_pass(classifier, single.repeat(_BATCH, 1, 1, 1), compute)
    finally:
        classifier.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return {
        "macs": macs,
        "milliseconds": 1000 * alone,
        "images_per_second": _BATCH / together,
        "device": compute.device,
    }


def _count_macs(classifier: Classifier, images: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        classifier(images)
    return int(counter.get_total_flops()) // _FLOPS_A_MAC


def _time_fastest_pass(classifier: Classifier, images: torch.Tensor, compute: Compute) -> float:
    """Time the fastest pass after a warm-up; slower ones measure other processes."""
    there = images.to(compute.device, memory_format=torch.channels_last)
    times = []
    for _ in range(_TIMES + 1):
        started = time.perf_counter()
        with torch.autocast(compute.device, compute.dtype, enabled=compute.dtype != torch.float32):
            classifier(there).float().cpu()  # to the host: a GPU's work is done only then
        times.append(time.perf_counter() - started)
    return min(times[1:])

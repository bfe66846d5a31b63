"""An ONNX model in eight bits: onnxruntime's static quantisation, calibrated on training images."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train.data.dataset import Example, collect_labels
from train.data.pixel_cache import PixelCache
from train.data.preprocessing import PixelArray, Preprocessing
from train.evaluation.conclusions import describe_difference, judge_difference
from train.evaluation.intervals import Difference, compute_paired_difference
from train.export.onnx_export import INPUT, load_pixel_batches, predict_with_onnx

INT8_FILE = "model.int8.onnx"
CALIBRATING = 200  # images; more hardly move the ranges


@dataclass(frozen=True, kw_only=True)
class AccuracyChange:
    """What eight bits cost in accuracy, on images used for neither training nor calibration.

    Attributes:
        images: of validation.
        before, after: accuracy in float32 and in eight bits.
        same_class: images that both give the same class.
        answer: ``better``, ``worse`` or ``cannot tell``.
        sentence: the same with its numbers.
        difference: after less before.
    """

    images: int
    before: float
    after: float
    same_class: int
    answer: str
    sentence: str
    difference: Difference


def write_int8(
    source: Path,
    target: Path,
    cache: PixelCache,
    training: Sequence[Example],
    preprocessing: Preprocessing,
) -> int:
    """Quantise weights by channel and activations by the ranges that training images cause.

    Args:
        source: the float32 file.
        target: where to.
        cache: decoded pixels.
        training: evenly spread ones of them calibrate; nothing of val or test does.
        preprocessing: the model's own.

    Returns:
        How many images calibrated.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    indices = np.linspace(0, len(training) - 1, min(CALIBRATING, len(training))).astype(int)
    chosen = [training[index] for index in indices.tolist()]
    with tempfile.TemporaryDirectory(prefix="ephyra-int8-") as folder, _suppress_messages():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared))
        quantize_static(
            str(prepared),
            str(target),
            _Reader(load_pixel_batches(cache, chosen, preprocessing)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return len(chosen)


@contextmanager
def _suppress_messages() -> Iterator[None]:
    """Suppress warnings and messages below errors, which onnxruntime writes to the root logger."""
    level = logging.getLogger().level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger().setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger().setLevel(level)


def measure_accuracy_change(
    source: Path,
    target: Path,
    cache: PixelCache,
    examples: Sequence[Example],
    preprocessing: Preprocessing,
) -> AccuracyChange:
    """Compare the predictions of both files on the same images.

    Args:
        source, target: float32 and eight bits.
        cache: decoded pixels.
        examples: of validation; test is read once a run, and not for this.
        preprocessing: the model's own.
    """
    batches = list(load_pixel_batches(cache, examples, preprocessing))
    before, after = (predict_with_onnx(path, batches).argmax(axis=1) for path in (source, target))
    truth = collect_labels(examples)
    groups = np.array([item.group for item in examples])
    difference = compute_paired_difference((after == truth)[None], (before == truth)[None], groups)
    return AccuracyChange(
        images=len(examples),
        before=float((before == truth).mean()),
        after=float((after == truth).mean()),
        same_class=int((before == after).sum()),
        answer=judge_difference(difference),
        sentence=describe_difference(difference, len(examples), 1, "validation images"),
        difference=difference,
    )


class _Reader:
    """Batches as onnxruntime's calibration asks for them: one by one, and then None."""

    def __init__(self, batches: Iterator[PixelArray]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch by the input's name, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}

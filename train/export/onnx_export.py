"""A run's model as ONNX, normalisation and softmax inside, checked against PyTorch.

onnx, onnxruntime and onnxscript are the extra ``onnx``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from data_registry.arrays import Float32Array
from data_registry.errors import InputError, WeightsError
from train._logging import silence_loggers
from train.data.dataset import Example
from train.data.pixel_cache import PixelCache
from train.data.preprocessing import PixelArray, Preprocessing
from train.experiments.runs import TrainedModel
from train.models.models import Classifier

MODEL_FILE = "model.onnx"
INPUT, OUTPUT = "pixels", "probabilities"
_TOLERANCE = 1e-3  # of a probability; float32 in another order of sums differs by some 1e-6
_BATCH = 16
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
# They log unused operators and their own deprecations.
_TALKATIVE = ("torch.onnx", "onnxscript", "onnx_ir")


@dataclass(frozen=True)
class Parity:
    """How well the predictions of the file agree with those of its model.

    Attributes:
        images: both were asked about.
        largest_difference: of any probability.
        same_class: images that both give the same class.
    """

    images: int
    largest_difference: float
    same_class: int


class WholeModel(nn.Module):
    """From pixels as they are to probabilities, so that nobody can forget the normalisation.

    Args:
        classifier: in evaluation mode.
        preprocessing: the model's own.
    """

    def __init__(self, classifier: Classifier, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.classifier = classifier
        self.preprocessing = preprocessing

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map uint8 (n, 3, height, width), RGB, to float32 (n, classes) that add up to 1."""
        logits: torch.Tensor = self.classifier(self.preprocessing.normalise(pixels))
        return logits.softmax(dim=1)


def build_whole_model(model: TrainedModel) -> WholeModel:
    """Join a run's model with normalisation and softmax, in evaluation mode."""
    whole = WholeModel(model.classifier, model.backbone.preprocessing)
    return whole.eval()


def write_onnx(whole: WholeModel, path: Path) -> None:
    """Write the model; the number of images stays open.

    Raises:
        InputError: the extra is not installed.
        WeightsError: PyTorch cannot express this model in ONNX.
    """
    require_onnx()
    own = whole.preprocessing
    example = torch.zeros((2, 3, own.height, own.width), dtype=torch.uint8)
    images = torch.export.Dim("images")
    try:
        with silence_loggers(*_TALKATIVE), torch.random.fork_rng():
            program = torch.onnx.export(
                whole,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: images},),
            )
        if program is None:
            raise RuntimeError("the exporter returned nothing")
        program.save(str(path))
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"PyTorch cannot write this model as ONNX ({type(error).__name__}: {first}). Distil it "
            "into a model that can be, such as MobileNetV3-Small (`ephyra distil`)"
        ) from error


def check_parity(
    whole: WholeModel, path: Path, cache: PixelCache, examples: Sequence[Example]
) -> Parity:
    """Compare the predictions of file and model on the same images, in float32.

    Raises:
        WeightsError: a probability differs by more than a thousandth.
    """
    batches = list(load_pixel_batches(cache, examples, whole.preprocessing))
    with torch.inference_mode():
        ours = np.concatenate([whole(torch.from_numpy(batch)).numpy() for batch in batches])
    theirs = predict_with_onnx(path, batches)
    largest = float(np.abs(ours - theirs).max())
    if not largest <= _TOLERANCE:
        raise WeightsError(
            f"the exported model does not answer as the run does: a probability differs by "
            f"{largest:.4f} on {len(examples)} images, expected at most {_TOLERANCE:g}. Nothing "
            "was exported"
        )
    same = int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())
    return Parity(len(examples), largest, same)


def load_pixel_batches(
    cache: PixelCache, examples: Sequence[Example], preprocessing: Preprocessing
) -> Iterator[PixelArray]:
    """Load uint8 batches (b, 3, height, width) in the order of the examples."""
    pixels = cache.load_pixels(examples, preprocessing)
    for start in range(0, len(examples), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(examples)))
        yield np.ascontiguousarray(pixels[rows])


def predict_with_onnx(path: Path, batches: Sequence[PixelArray]) -> Float32Array:
    """Predict with an ONNX file on the CPU: float32 (n, classes)."""
    runtime = require_onnx()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: Float32Array = np.concatenate(
        [session.run([OUTPUT], {INPUT: batch})[0] for batch in batches]
    )
    return found


def require_onnx() -> ModuleType:
    """Import onnxruntime and return it.

    Raises:
        InputError: the extra is not installed.
    """
    import importlib

    try:
        for name in _NEEDED:
            module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed, and an export to ONNX needs it: "
            "pip install 'ephyra[onnx]'"
        ) from error
    return module

"""Feature vectors of photos by a frozen backbone."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from data_registry.arrays import Float32Array
from data_registry.progress import Progress, SilentProgress
from train.data.decoding import ReadImage, prepare_batches
from train.data.device import Compute, select_compute
from train.data.preprocessing import PixelArray, Preprocessing
from train.models.backbones import Backbone

BATCH_SIZE = 16  # on CPU as fast as 32, and half the price of a single image


def extract_features(
    backbone: Backbone,
    sha256s: Sequence[str],
    read: ReadImage,
    progress: Progress | None = None,
) -> Float32Array:
    """Extract the features of the named images, in order.

    Args:
        backbone: see `train.models.backbones.load_backbone`.
        sha256s: names of n images.
        read: gives an image's encoded bytes.
        progress: advances by one an image.

    Returns:
        float32 of shape (n, backbone.feature_count).

    Raises:
        ImageError: an image cannot be decoded.
    """
    progress = progress or SilentProgress()
    progress.start("features", len(sha256s))
    batches = prepare_batches(sha256s, read, backbone.preprocessing, BATCH_SIZE)
    features = _collect_features(backbone, batches, progress)
    progress.finish()
    return features


def extract_pixel_features(backbone: Backbone, images: Sequence[PixelArray]) -> Float32Array:
    """Extract the features of images already prepared by `backbone.preprocessing`."""
    starts = range(0, len(images), BATCH_SIZE)
    batches = (np.stack(images[start : start + BATCH_SIZE]) for start in starts)
    return _collect_features(backbone, batches, SilentProgress())


def _collect_features(
    backbone: Backbone, batches: Iterator[PixelArray], progress: Progress
) -> Float32Array:
    found = [np.empty((0, backbone.feature_count), dtype=np.float32)]
    for outputs in evaluate_batches(backbone.module, backbone.preprocessing, batches):
        found.append(outputs)
        progress.advance(len(outputs))
    return np.concatenate(found)


def evaluate_batches(
    module: nn.Module, preprocessing: Preprocessing, batches: Iterator[PixelArray]
) -> Iterator[Float32Array]:
    """Yield a module's outputs in evaluation mode: float32 (n, d) for each batch."""
    compute = select_compute()
    module.eval().to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        for batch in batches:
            yield _evaluate_batch(module, preprocessing, batch, compute)
    finally:
        module.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]


@torch.inference_mode()
def _evaluate_batch(
    module: nn.Module, preprocessing: Preprocessing, batch: PixelArray, compute: Compute
) -> Float32Array:
    pixels = torch.from_numpy(_pad_batch(batch)).to(compute.device)
    images = preprocessing.normalise(pixels).to(memory_format=torch.channels_last)
    with torch.autocast(compute.device, compute.dtype, enabled=compute.dtype != torch.float32):
        outputs = module(images)
    answer: Float32Array = outputs[: len(batch)].float().cpu().numpy()
    return answer


def _pad_batch(batch: PixelArray) -> PixelArray:
    """Pad a batch to the full size, so that an image's features do not depend on its batch.

    A run that was killed and resumed cuts its batches elsewhere. It must compute the same bits,
    since a decision close to a threshold depends on them.
    """
    missing = BATCH_SIZE - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.uint8)])

"""A few test images of each class with what in them speaks for the class predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch

from data_registry.errors import ImageError, StorageError
from data_registry.storage.files import FileStore
from train.data.decoding import ReadImage, prepare_image
from train.experiments.runs import Run, TrainedModel, load_run
from train.reports.grad_cam import NO_MAP, compute_grad_cam, find_last_convolution, overlay_heat
from train.reports.pictures import ShownPrediction, attach_thumbnails

_OF_A_CLASS = 3
_MOST_CLASSES = 12


@dataclass(frozen=True)
class Explanation:
    """Images with heat maps, or why there are none.

    Attributes:
        items: by class in alphabetical order; their `jpeg` carries the heat.
        left_out: classes that are not shown, since there are many.
        why_not: empty where there are maps.
    """

    items: tuple[ShownPrediction, ...] = ()
    left_out: int = 0
    why_not: str = ""


def explain_predictions(files: FileStore, run: Run, read: ReadImage) -> Explanation:
    """Grad-CAM of the surest, the middle and the least sure image that is predicted as each class.

    With more than 12 classes, those with the lowest recall are shown.

    Raises:
        StorageError: the run's weights are not there.
    """
    model = load_run(files, run.card.run_id)
    layer = find_last_convolution(model.classifier, run.card.preprocessing)
    if layer is None:
        return Explanation(why_not=NO_MAP)
    names = _select_weakest_classes(run)
    rows = pd.concat([_select_spread(run.get_test_predictions(), name) for name in names])
    items = [_add_heat(item, model, layer, read) for item in attach_thumbnails(rows, read)]
    return Explanation(tuple(items), len(run.card.class_names) - len(names))


def _select_weakest_classes(run: Run) -> Sequence[str]:
    by_recall = sorted(run.test.classes, key=lambda scores: scores.recall)
    return sorted(scores.name for scores in by_recall[:_MOST_CLASSES])


def _select_spread(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    own = rows[rows["predicted"] == name].sort_values("confidence", ascending=False)
    places = sorted({0, len(own) // 2, len(own) - 1})[:_OF_A_CLASS] if len(own) else []
    return own.iloc[places]


def _add_heat(
    item: ShownPrediction, model: TrainedModel, layer: torch.nn.Conv2d, read: ReadImage
) -> ShownPrediction:
    own = model.backbone.preprocessing
    try:
        pixels = prepare_image(read(item.sha256), own)
    except (ImageError, StorageError):
        return item
    place = model.class_names.index(item.predicted)
    images = own.normalise(torch.from_numpy(pixels)[None])
    heat = compute_grad_cam(model.classifier, layer, images, [place])[0]
    return replace(item, jpeg=overlay_heat(pixels, heat))

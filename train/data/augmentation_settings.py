"""Which random changes training images undergo."""

from dataclasses import dataclass

from data_registry.storage.json_records import refuse_unknown_keys
from train.choices import AugmentationName


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Random changes, drawn for each image anew.

    Attributes:
        kind: ``"none"``; ``"crop"``: resized crop, modest turn and colour; ``"geometric"``: the
            studies' rotation, shift, zoom and shear; ``"randaugment"``: the crop, then RandAugment
            (Cubuk et al. 2020).
        rotation: degrees to either side.
        shift: share of the side, in both directions.
        zoom: share by which the image shrinks or grows.
        shear: share of the height by which the top slides sideways.
        flip: mirror half of the images.
        operations: of RandAugment, for each image.
        magnitude: of RandAugment, 0 to 30.
    """

    kind: AugmentationName = "crop"
    rotation: float = 30.0
    shift: float = 0.2
    zoom: float = 0.2
    shear: float = 0.2
    flip: bool = True
    operations: int = 2
    magnitude: int = 9

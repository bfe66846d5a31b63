"""How long and how to learn: every number of a training in one record."""

from dataclasses import dataclass

from data_registry.errors import InputError
from data_registry.storage.json_records import refuse_unknown_keys
from train.choices import OptimiserName, PrecisionName, ScheduleName
from train.data.augmentation_settings import AugmentationSettings

_CHECKS = 20  # validations of a training that is given in steps
_DECOUPLED_DECAY = 0.01  # AdamW's usual; elsewhere decay is a penalty that Keras has not either


@refuse_unknown_keys
@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How long and how to learn.

    Attributes:
        epochs: passes over the training images; None: until something stops it. Ignored where
            `max_steps` is given.
        max_steps: optimiser steps, or None.
        batch_size: images a step.
        micro_batch: images computed at once, their gradients added up to a step's; None: all of
            them. Halved, and kept so, when memory runs out.
        optimiser: see `train.fitting.optimisers`.
        learning_rate: the highest, after the warm-up.
        layer_decay: each layer learns at this share of the rate of the layer above; 1: all alike.
        weight_decay: None: 0.01 with AdamW, where it is decoupled; 0 with the others.
        momentum: of SGD.
        schedule: ``"cosine"`` to zero; ``"plateau"`` and ``"step"`` multiply by `decay_factor`
            after `decay_checks` checks (without improvement, or any); ``"constant"``.
        decay_factor, decay_checks: see there.
        warmup_share: share of all steps in which the learning rate climbs; none without an end.
        patience: checks without a lower validation loss before training stops; None never stops.
        min_delta: what counts as lower.
        label_smoothing: 0 to 1.
        soft_labels: learn a teacher's probabilities where a teacher named the class.
        class_weights: weigh classes by the inverse of their number of images.
        mixup, cutmix: the alpha of each, 0 for none; with both, a coin decides batch by batch.
        augmentation: None: crops where pixels are learnt from; a frozen model's head then learns
            from features computed once.
        ema: decay of the running mean of weights, which is what is checked and kept; 0: none.
        precision: ``"auto"``: see `train.data.device.select_training_dtype`.
        head_steps: steps that the head learns alone before everything does; 0: none.
        head_learning_rate: in those.
        seed: of the head, the order of images, augmentation and dropout.
    """

    epochs: int | None = 20
    max_steps: int | None = None
    batch_size: int = 32
    micro_batch: int | None = None
    optimiser: OptimiserName = "adamw"
    learning_rate: float = 1e-3
    layer_decay: float = 1.0
    weight_decay: float | None = None
    momentum: float = 0.9
    schedule: ScheduleName = "cosine"
    decay_factor: float = 0.1
    decay_checks: int = 3
    warmup_share: float = 0.1
    patience: int | None = 5
    min_delta: float = 0.0
    label_smoothing: float = 0.0
    soft_labels: bool = False
    class_weights: bool = False
    mixup: float = 0.0
    cutmix: float = 0.0
    augmentation: AugmentationSettings | None = None
    ema: float = 0.0
    precision: PrecisionName = "auto"
    head_steps: int = 0
    head_learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.is_endless and self.schedule == "cosine":
            raise InputError(
                "a cosine comes to rest at the last step, and without a limit there is none: set "
                'steps or epochs, or schedule = "plateau", "step" or "constant"'
            )

    @property
    def is_endless(self) -> bool:
        """Whether only `patience`, or the user, ends the training."""
        return self.max_steps is None and self.epochs is None

    @property
    def decay(self) -> float:
        """The weight decay, with the optimiser's default."""
        usual = _DECOUPLED_DECAY if self.optimiser == "adamw" else 0.0
        return usual if self.weight_decay is None else self.weight_decay

    def count_steps(self, image_count: int) -> int | None:
        """Count optimiser steps on `image_count` training images without an early stop.

        None where only a stop ends the training.
        """
        if self.max_steps is not None:
            return self.max_steps
        return (
            None if self.epochs is None else self.epochs * self.count_steps_per_epoch(image_count)
        )

    def count_steps_per_epoch(self, image_count: int) -> int:
        """Count whole batches in one pass."""
        return max(image_count // self.batch_size, 1)

    def count_steps_per_check(self, image_count: int) -> int:
        """Count optimiser steps between validations: an epoch, or a twentieth of given steps."""
        if self.max_steps is not None:
            return max(self.max_steps // _CHECKS, 1)
        return self.count_steps_per_epoch(image_count)

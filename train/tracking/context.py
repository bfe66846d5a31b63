"""What every training needs: files, images, progress and tracking."""

from collections.abc import Callable
from dataclasses import dataclass, field

from data_registry.progress import Progress, SilentProgress
from data_registry.storage.files import FileStore
from train.data.decoding import ReadImage
from train.tracking.tracking_settings import Tracking

OnTestReading = Callable[[str, str, int], None]


def _ignore_test_reading(run_id: str, purpose: str, image_count: int) -> None:
    """Ignore the reading: the caller has no registry."""


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """What every training needs: files, images, progress and tracking.

    Attributes:
        files: where runs and features are stored.
        read: returns an image's encoded bytes.
        on_test_reading: called with (run id, purpose, number of images) before a test split is
            read.
        progress: reports how far the work is.
        tracking: where curves go, beside TensorBoard.
        devices: GPUs that share each batch of a whole model's training; 0: all there are.
    """

    files: FileStore
    read: ReadImage
    on_test_reading: OnTestReading = _ignore_test_reading
    progress: Progress = field(default_factory=SilentProgress)
    tracking: Tracking = field(default_factory=Tracking)
    devices: int = 1

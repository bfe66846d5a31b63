"""Which files may hold weights; checked before PyTorch is loaded, which takes seconds."""

from pathlib import Path

from data_registry.errors import WeightsError
from train.choices import WEIGHTS_SUFFIXES


def require_weights_file(path: Path) -> None:
    """Refuse a path that cannot be a weights file.

    Raises:
        WeightsError: the file is missing, or of another kind.
    """
    if not path.is_file():
        raise WeightsError(
            f"there is no weights file {path}. Give the path of a .safetensors, .pth or .pt file, "
            'or weights = "pretrained" to download the model\'s own'
        )
    if path.suffix not in WEIGHTS_SUFFIXES:
        raise WeightsError(
            f"{path} is not a weights file: expected one of {', '.join(WEIGHTS_SUFFIXES)}"
        )

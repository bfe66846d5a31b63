"""Judge the folders of a labelled set by the names of their files."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from data_registry.ingest.folder_walk import Folder, format_names

_IMAGE_SUFFIXES = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif",
     "heic", "heif", "jp2", "j2k", "mpo")
)  # fmt: skip
# What often lies beside the classes: notes, tables, annotations, code, archives, films.
_OTHER_SUFFIXES = frozenset(
    ("txt", "md", "rst", "pdf", "html", "htm", "csv", "tsv", "xls", "xlsx", "json", "jsonl", "xml",
     "yaml", "yml", "toml", "ini", "cfg", "log", "py", "ipynb", "sh", "js", "css", "db", "sqlite",
     "npy", "npz", "mat", "pkl", "h5", "hdf5", "parquet", "pt", "pth", "onnx", "safetensors", "zip",
     "tar", "gz", "bz2", "xz", "7z", "rar", "mp4", "avi", "mov", "mkv", "wav", "mp3", "doc", "docx",
     "r", "m", "c", "cpp", "h", "java", "lua", "ckpt", "pb", "tflite", "weights", "caffemodel",
     "prototxt", "names", "lst", "tex", "bib", "lock", "bat", "ps1")
)  # fmt: skip
_MOST_LISTED = 5


def may_hold_images(folder: Folder) -> bool:
    """Whether a file below it is not called like something else."""
    return any(may_be_image(each.path) for each in folder.walk_files())


def may_be_image(path: str) -> bool:
    """Whether a file is not called like something else."""
    return _read_suffix(path) not in _OTHER_SUFFIXES


def has_image_suffix(path: str) -> bool:
    """Whether the path ends as those of images do."""
    return _read_suffix(path) in _IMAGE_SUFFIXES


def select_class_folders(folder: Folder) -> list[Folder]:
    """Select the folders directly in it that may hold images."""
    return [each for each in folder.folders if may_hold_images(each)]


def select_image_files(folder: Folder) -> list[str]:
    """Select the paths of the files directly in it that are called like images."""
    return [each.path for each in folder.files if has_image_suffix(each.path)]


def format_paths(folders: Sequence[Folder]) -> str:
    """Name the first of the folders, and say how many more there are."""
    return format_names([folder.path for folder in folders], most=_MOST_LISTED)


def _read_suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lstrip(".").lower()

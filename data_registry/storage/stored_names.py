"""How the workspace's files are named: images by their SHA-256, versions by their content's."""

import re
from pathlib import PurePosixPath

_SHA256 = re.compile("[0-9a-f]{64}")


def build_blob_path(sha256: str) -> str:
    """Where an image's bytes lie below the workspace's root."""
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def parse_blob_name(path: str) -> str:
    """SHA-256 of the image whose bytes lie at a path; empty where none can."""
    name = path.rpartition("/")[2]
    return name if _SHA256.fullmatch(name) and build_blob_path(name) == path else ""


def parse_version_name(path: str) -> str:
    """Hash of the version one of whose files a path is; empty where it is none's."""
    name = PurePosixPath(path).name.partition(".")[0]
    return name if path.startswith("versions/") and _SHA256.fullmatch(name) else ""

"""Name the workspace's files: images by their SHA-256, versions by the hash of their content."""

import re
from pathlib import PurePosixPath

ID_FILE = "workspace.json"  # marks the root of a workspace
# The folders that a workspace makes beside it; "Storage" in ARCHITECTURE.md says what they hold.
WORKSPACE_FOLDERS = frozenset(
    ("blobs", "versions", "embeddings", "teachers", "runs", "curves", "unfinished", "out_of_fold",
     "reports", "cross_validation", "ensembles", "logs")
)  # fmt: skip
_SHA256 = re.compile("[0-9a-f]{64}")


def build_blob_path(sha256: str) -> str:
    """Build the path of an image's bytes below the workspace's root."""
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def parse_blob_name(path: str) -> str:
    """Parse the SHA-256 of an image from the path of its bytes; empty for other paths."""
    name = path.rpartition("/")[2]
    return name if _SHA256.fullmatch(name) and build_blob_path(name) == path else ""


def parse_version_name(path: str) -> str:
    """Parse the hash of a version from the path of one of its files; empty for other paths."""
    name = PurePosixPath(path).name.partition(".")[0]
    return name if path.startswith("versions/") and _SHA256.fullmatch(name) else ""

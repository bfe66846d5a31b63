"""Features of a project's images inside a flow: images, shards and seconds on standard output."""

import sys
import time
from pathlib import Path

from prefect import flow

from flows.orchestration.flow_run import compute_features_in_shards


@flow
def embed(project: Path) -> None:
    """Embed in shards and say how long it took, without the server's start."""
    started = time.perf_counter()
    found = compute_features_in_shards(project)
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{found['images']} {found['shards']} {seconds}\n")


if __name__ == "__main__":
    embed(Path(sys.argv[1]))

"""Every stage one after the other without Prefect: what `ephyra run` does, as plain calls."""

import sys
from pathlib import Path

from data_registry.verify import verify
from flows.deciding import decide_stage
from flows.settings import radii
from flows.stages import collect_stage, group_stage, import_stage, label_stage, merge_stage
from flows.training import train_stage
from flows.workspace import open_workspace


def run(folder: Path, labelled_set: Path) -> None:
    """From a labelled set to the decision about the champion."""
    with open_workspace(folder) as workspace:
        import_stage(workspace, labelled_set)
        collect_stage(workspace)
        group_stage(workspace)
        label_stage(workspace)
        merge_stage(workspace)
        assert not verify(workspace.registry, radii(workspace)).breaches
        train_stage(workspace)
        decide_stage(workspace)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))

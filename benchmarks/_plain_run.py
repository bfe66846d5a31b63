"""Every stage one after the other without Prefect: what `ephyra run` does, as plain calls."""

import sys
from pathlib import Path

from data_registry.verification.verify import verify
from flows.champion.decision import decide_stage
from flows.config.settings import build_radii
from flows.config.workspace import open_workspace
from flows.stages.stages import collect_stage, group_stage, import_stage, label_stage, merge_stage
from flows.training.train_stage import train_stage


def run(folder: Path, labelled_set: Path) -> None:
    """Run all stages from a labelled set to the decision about the champion."""
    with open_workspace(folder) as workspace:
        import_stage(workspace, labelled_set)
        collect_stage(workspace)
        group_stage(workspace)
        label_stage(workspace)
        merge_stage(workspace)
        assert not verify(workspace.registry, build_radii(workspace)).breaches
        train_stage(workspace)
        decide_stage(workspace)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))

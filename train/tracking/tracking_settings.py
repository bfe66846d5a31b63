"""Where curves go beside TensorBoard; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from train.choices import WandbMode


@dataclass(frozen=True)
class Tracking:
    """Where else curves go.

    Attributes:
        mlflow: tracking address, such as ``sqlite:////data/mlflow.db``; empty: nowhere.
        wandb: ``"offline"`` keeps a run on disk until ``wandb sync``; ``"online"`` sends it;
            empty: nowhere.
        folder: where Weights & Biases keeps its runs.
        project: what both call the project.
    """

    mlflow: str = ""
    wandb: WandbMode = ""
    folder: Path = Path()
    project: str = "ephyra"

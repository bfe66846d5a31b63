"""Which recipes may become champion: what `[promote]` and a person's decisions allow."""

from collections.abc import Sequence

import pandas as pd

from data_registry.runs.champions import find_refused_runs
from data_registry.text.wording import count_noun
from data_registry.vocabulary import ClassOrigin
from flows.config.workspace import Workspace
from labeling.audit.audit import load_certified_precision
from train.data.dataset import Dataset
from train.experiments.arms import Arm
from train.experiments.recipes import Recipe


def select_eligible_recipes(
    workspace: Workspace, rows: pd.DataFrame, dataset: Dataset, recipes: Sequence[Recipe]
) -> tuple[list[Recipe], tuple[str, ...]]:
    """Select the recipes that may become champion, and explain why the others may not.

    Args:
        workspace: the project.
        rows: manifest of the version they were trained on.
        dataset: the same, as training takes it.
        recipes: every recipe with a run on the version.
    """
    refusal = _explain_refusal(workspace, rows, dataset)
    by_hand = find_refused_runs(workspace.registry)
    eligible, refused = [], []
    for recipe in recipes:
        if recipe.card.arm != Arm.WITHOUT and refusal:
            refused.append(f"{recipe.name}: {refusal}")
        elif {run.card.run_id for run in recipe.runs} & by_hand:
            refused.append(f"{recipe.name}: a person took the title from it")
        else:
            eligible.append(recipe)
    return eligible, tuple(refused)


def _explain_refusal(workspace: Workspace, rows: pd.DataFrame, dataset: Dataset) -> str:
    """Explain why machine-made classes of this version bar a model from the title; empty if not."""
    rule = workspace.project.promote
    taught = rows[rows["sha256"].isin([example.sha256 for example in dataset.train])]
    machine = taught["sha256"][taught["class_origin"] == ClassOrigin.DECISION]
    if machine.empty or rule.machine_labelled == "always":
        return ""
    classes = count_noun(len(machine), "machine-made class")
    if rule.machine_labelled == "never":
        return f"it learnt {classes}, and [promote] says never"
    certified = load_certified_precision(workspace.registry, set(machine))
    if certified is None:
        return f"it learnt {classes} that nobody has audited"
    if certified < rule.certified_precision:
        return (
            f"the audit certifies {certified:.3f} of its {classes}; "
            f"[promote] asks for {rule.certified_precision:g}"
        )
    return ""

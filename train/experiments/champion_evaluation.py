"""Which recipe is better on the images that decide: validation, or held-out folds of train."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_registry.vocabulary import Split
from train.data.dataset import Dataset, Example
from train.evaluation.conclusions import judge_difference
from train.evaluation.intervals import Correct, Difference, compute_paired_difference
from train.evaluation.variance_parts import CONFIDENCE
from train.experiments.recipes import Recipe
from train.experiments.runs import Run, load_run, predict_stored
from train.tracking.context import TrainingContext

_LEAST_PROBABILITY = 1e-6  # of a class that a model gives none, or does not know

Answers = Mapping[str, tuple[str, float]]  # sha256: predicted class, probability of the true one


@dataclass(frozen=True)
class RecipeScores:
    """How a recipe did on the images that decide.

    Attributes:
        sha256: n names, sorted.
        groups: (n,) their groups.
        correct: (runs, n) booleans.
        log_loss: mean over runs and images.
    """

    sha256: tuple[str, ...]
    groups: npt.NDArray[np.str_] = field(repr=False)
    correct: Correct = field(repr=False)
    log_loss: float

    @property
    def accuracy(self) -> float:
        """Mean over runs and images."""
        return float(self.correct.mean())


def score_answers(
    answers: Sequence[Answers], examples: Sequence[Example], class_names: Sequence[str]
) -> RecipeScores:
    """Score the answers of several runs to the same images."""
    ordered = sorted(examples, key=lambda example: example.sha256)
    correct = [
        [own[item.sha256][0] == class_names[item.class_index] for item in ordered]
        for own in answers
    ]
    losses = [
        -np.log(max(own[item.sha256][1], _LEAST_PROBABILITY)) for own in answers for item in ordered
    ]
    return RecipeScores(
        sha256=tuple(item.sha256 for item in ordered),
        groups=np.array([item.group for item in ordered]),
        correct=np.array(correct, dtype=bool),
        log_loss=float(np.mean(losses)),
    )


def evaluate_on_validation(
    context: TrainingContext, recipe: Recipe, dataset: Dataset
) -> RecipeScores:
    """How a recipe's runs do on a version's validation images; test has no say.

    What a run of an earlier version was not asked then it is asked now.
    """
    answers = [_collect_answers(context, run, dataset) for run in recipe.runs]
    return score_answers(answers, dataset.val, dataset.class_names)


def compare_scores(
    challenger: RecipeScores, champion: RecipeScores, challengers: int = 1
) -> tuple[str, Difference]:
    """``better``, ``worse`` or ``cannot tell``, and the paired difference with its 95 % interval.

    Args:
        challenger: the best of all.
        champion: on the same images.
        challengers: that it was chosen from on these images. The best of many is better by chance,
            so it is judged by an interval and a test of the confidence 1 - 0.05 / challengers
            (C. E. Bonferroni, 1936): none of them is called better in more than 2.5 % of contests
            between equals.

    Raises:
        ValueError: the two were scored on different images.
    """
    if challenger.sha256 != champion.sha256:
        raise ValueError("both must be scored on the same images")
    runs = min(len(challenger.correct), len(champion.correct))
    arms = challenger.correct[:runs], champion.correct[:runs]
    confidence = 1 - (1 - CONFIDENCE) / challengers
    corrected = compute_paired_difference(*arms, champion.groups, confidence)
    answer = judge_difference(corrected, confidence)
    return answer, compute_paired_difference(*arms, champion.groups)


def stack_scores(repeats: Sequence[RecipeScores]) -> RecipeScores:
    """Join the scores of repeated fits on the same images, as runs.

    Raises:
        ValueError: they were scored on different images.
    """
    if len({scores.sha256 for scores in repeats}) != 1:
        raise ValueError("repeats must be scored on the same images")
    return replace(
        repeats[0],
        correct=np.concatenate([scores.correct for scores in repeats]),
        log_loss=float(np.mean([scores.log_loss for scores in repeats])),
    )


def extract_answers(
    predictions: pd.DataFrame, examples: Sequence[Example], class_names: Sequence[str]
) -> Answers:
    """Extract the predictions for those of the images that have one."""
    true = {item.sha256: class_names[item.class_index] for item in examples}
    rows = predictions[predictions["sha256"].isin(true.keys())]
    return {
        str(row["sha256"]): (
            str(row["predicted"]),
            float(row.get(f"p:{true[str(row['sha256'])]}", 0.0)),
        )
        for row in rows.to_dict("records")
    }


def _collect_answers(context: TrainingContext, run: Run, dataset: Dataset) -> Answers:
    asked = run.predictions[run.predictions["split"] == Split.VAL]
    known = extract_answers(asked, dataset.val, dataset.class_names)
    new = [item for item in dataset.val if item.sha256 not in known]
    return {**known, **_predict_new(context, run, new, dataset.class_names)}


def _predict_new(
    context: TrainingContext, run: Run, examples: Sequence[Example], class_names: Sequence[str]
) -> Answers:
    if not examples:
        return {}
    model = load_run(context.files, run.card.run_id)
    rows = predict_stored(model, [item.sha256 for item in examples], context.read)
    place = {name: index for index, name in enumerate(model.class_names)}
    answers: dict[str, tuple[str, float]] = {}
    for item, row in zip(examples, rows, strict=True):
        true = place.get(class_names[item.class_index])
        probability = 0.0 if true is None else float(row[true])
        answers[item.sha256] = model.class_names[int(row.argmax())], probability
    return answers

"""What training one model found, as the command line tells it."""

from dataclasses import dataclass

from data_registry.text.wording import count_noun
from flows.config.sections.model_section import TrainModelSection
from flows.config.workspace import Workspace
from flows.reports.reporting import TrainedVersion, list_runs_of, report_training
from train.evaluation.conclusions import CANNOT_TELL, format_accuracy
from train.experiments.arms import Comparison, compute_run_accuracy
from train.experiments.runs import Run


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """What training one model found.

    Attributes:
        answer: better, worse, cannot tell, or ``nothing collected``.
        sentence: the answer with its numbers.
        settling: what would settle it, where the answer is "cannot tell"; else empty.
        accuracy_without, accuracy_with: test accuracy with its interval, in words.
        train_without, train_with: training images of the arms.
        difference, low, high: accuracy with less without, and its 95 % interval; 0-1.
        report: the HTML page, below the workspace's root or as a full path where it is local.
    """

    model: str
    answer: str
    sentence: str
    settling: str
    accuracy_without: str
    accuracy_with: str
    train_without: int
    train_with: int
    difference: float | None
    low: float | None
    high: float | None
    report: str
    runs: tuple[str, ...]


def build_model_result(
    workspace: Workspace,
    trained: TrainedVersion,
    model: TrainModelSection,
    result: Comparison | Run,
) -> ModelResult:
    """Write a model's report and say what was found, with what it rests on."""
    report = report_training(workspace, trained, result)
    name = model.name if model.learns == "classes" else f"{model.name} ({model.learns})"
    if isinstance(result, Comparison):
        return _describe_comparison(name, result, report)
    return _describe_single_run(name, result, report)


def _describe_comparison(name: str, comparison: Comparison, report: str) -> ModelResult:
    interval = comparison.difference.interval
    without, with_collected = comparison.without, comparison.with_collected
    is_open = comparison.answer == CANNOT_TELL
    return ModelResult(
        model=name,
        answer=comparison.answer,
        sentence=comparison.sentence,
        settling=comparison.settling.sentence if is_open else "",
        accuracy_without=format_accuracy(without.accuracy),
        accuracy_with=format_accuracy(with_collected.accuracy),
        train_without=without.runs[0].card.train_count,
        train_with=with_collected.runs[0].card.train_count,
        difference=interval.estimate,
        low=interval.low,
        high=interval.high,
        report=report,
        runs=tuple(run.card.run_id for run in list_runs_of(comparison)),
    )


def _describe_single_run(name: str, run: Run, report: str) -> ModelResult:
    accuracy = format_accuracy(compute_run_accuracy(run))
    return ModelResult(
        model=name,
        answer="nothing collected",
        sentence=(
            f"the version holds no collected images, so there is nothing to compare; accuracy "
            f"{accuracy} on {count_noun(run.card.test_count, 'test image')}"
        ),
        settling="",
        accuracy_without=accuracy,
        accuracy_with="",
        train_without=run.card.train_count,
        train_with=run.card.train_count,
        difference=None,
        low=None,
        high=None,
        report=report,
        runs=(run.card.run_id,),
    )

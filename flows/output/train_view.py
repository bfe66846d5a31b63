"""The answer of `train`: the comparison of arms, and the decision about the champion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import RenderableType

from data_registry.text.wording import count_noun
from flows.output.answer import Answer, WrittenPage
from flows.output.champion_view import build_decision_answer
from flows.output.training_view import format_cross_validation, format_ensembles
from flows.shared.serialisation import make_plain
from flows.shared.tables import build_notice, build_table

if TYPE_CHECKING:
    from flows.champion.decision import Decided
    from flows.training.model_results import ModelResult
    from flows.training.train_stage import Trained


def build_train_answer(trained: Trained, decided: Decided) -> Answer:
    """Build the answer of `train`."""
    training, decision = build_training_answer(trained), build_decision_answer(decided)
    reports = list_reports(trained.comparisons)
    shown = [*training.shown, *decision.shown, *reports]
    return Answer({**training.data, "decide": decision.data}, shown, pages=training.pages)


def build_training_answer(trained: Trained) -> Answer:
    """Build the answer of the train stage by itself."""
    shown: list[RenderableType] = [
        f"trained on {trained.version}",
        _build_arm_table(trained),
        *format_outcomes(trained.comparisons),
        *(build_notice(warning) for warning in trained.warnings),
        *format_cross_validation(trained.cross_validated),
        *format_ensembles(trained.ensembles),
    ]
    return Answer(make_plain(trained), shown, pages=list(_list_pages(trained.comparisons)))


def format_outcomes(results: Iterable[ModelResult]) -> list[RenderableType]:
    """Say for each model whether the data helped; if unclear, first what would settle it."""
    lines: list[RenderableType] = []
    for item in results:
        if item.settling:
            lines.append(build_notice(f"{item.model}: what would settle it: {item.settling}"))
        lines.append(f"{item.model}: {summarise_outcome(item)}")
    return lines


def summarise_outcome(result: ModelResult) -> str:
    """Summarise whether the collected data helped a model."""
    return f"{result.answer}: {result.sentence}"


def list_reports(results: Iterable[ModelResult]) -> list[str]:
    """List a line for each model's report."""
    return [f"report: {item.report}" for item in results]


def _build_arm_table(trained: Trained) -> RenderableType:
    accuracy = f"accuracy on {count_noun(trained.test_images, 'test image')}"
    drawn = build_table(
        "model", "collected data", "training images", accuracy, wide=["model", accuracy]
    )
    for item in trained.comparisons:
        for data, count, value in _list_arms(item):
            drawn.add_row(item.model, data, str(count), value)
    return drawn


def _list_arms(item: ModelResult) -> list[tuple[str, int, str]]:
    """List (data, training images, accuracy) of each trained arm."""
    without = ("without", item.train_without, item.accuracy_without)
    with_collected = ("with", item.train_with, item.accuracy_with)
    return [without] if item.difference is None else [without, with_collected]


def _list_pages(results: Iterable[ModelResult]) -> Iterable[WrittenPage]:
    for number, item in enumerate(results, start=1):
        yield WrittenPage(
            key=f"report {number}",
            title=f"{item.model}: {item.answer}",
            about=item.sentence,
            path=item.report,
        )

"""The answers of the flows `run` and `retrain`: a line or two for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from rich.console import RenderableType

from flows.output.answer import Answer
from flows.output.champion_view import build_decision_answer
from flows.output.collection_view import summarise_collection
from flows.output.label_view import summarise_verdicts
from flows.output.train_view import format_outcomes, list_reports
from flows.output.version_view import summarise_version
from flows.shared.reading_view import describe_recorded_reading, describe_warnings
from flows.shared.tables import build_notices

T = TypeVar("T")
_NOTHING_NEW = "nothing new was answered, collected or imported; --always trains all the same"


def read_result(recorded: Any, kind: type[T]) -> T:
    """Read a record back from the plain values that a flow recorded of it.

    Args:
        recorded: as `flows.shared.serialisation.make_plain` made it.
        kind: of record.
    """
    return TypeAdapter(kind).validate_python(recorded)


def build_run_answer(found: Mapping[str, Any]) -> Answer:
    """Build the answer of `run`: one line for each stage, everything in JSON."""
    from collectors.ledger import CollectSummary

    imported = found.get("import")
    collected = read_result(found["collect"]["providers"], tuple[CollectSummary, ...])
    shown = [
        *(build_notices(describe_warnings(imported)) if imported else []),
        *(build_notices(describe_recorded_reading(imported["images"])) if imported else []),
        f"collected: {summarise_collection(collected)}",
        f"labelled: {summarise_verdicts(found['label']['verdicts'])}",
        *_format_training(found),
    ]
    return Answer(found, shown)


def build_retrain_answer(found: Mapping[str, Any]) -> Answer:
    """Build the answer of `retrain`."""
    return Answer(found, _format_training(found) if found else [_NOTHING_NEW])


def _format_training(found: Mapping[str, Any]) -> list[RenderableType]:
    """Format merge, comparison and champion as their own commands do."""
    from data_registry.versions.published_versions import Version
    from flows.champion.decision import Decided
    from flows.training.model_results import ModelResult

    results = read_result(found["train"]["comparisons"], tuple[ModelResult, ...])
    return [
        f"merged: {summarise_version(read_result(found['merge'], Version))}",
        *format_outcomes(results),
        *build_decision_answer(read_result(found["decide"], Decided)).shown,
        *list_reports(results),
    ]

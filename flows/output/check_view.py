"""The answer of `ephyra check`, and its line in `status`."""

from __future__ import annotations

from rich.console import RenderableType

from data_registry.text.wording import count_noun
from flows.config.project_check import Check
from flows.output.answer import Answer
from flows.shared.serialisation import make_plain_record
from flows.shared.tables import build_notice


def build_check_answer(found: Check) -> Answer:
    """Build the answer of `check`; the exit code is 1 where something would stop a stage."""
    shown: list[RenderableType] = [build_notice(str(problem)) for problem in found.problems]
    shown += [f"note: {hint}" for hint in found.hints]
    looked = f"{count_noun(found.providers, 'provider')} and {count_noun(found.models, 'model')}"
    count = count_noun(len(found.problems), "problem")
    verdict = f"{count}; correct the file, and run `ephyra check` again"
    shown.append(verdict if found.problems else f"nothing is wrong with {looked}")
    return Answer(
        {**make_plain_record(found), "fine": not found.problems}, shown, not found.problems
    )


def format_check(found: Check) -> str:
    """Format the state of the project file as one line."""
    if not found.problems:
        return "nothing wrong was found"
    count = count_noun(len(found.problems), "problem")
    return f"{count} (`ephyra check`), such as {found.problems[0]}"

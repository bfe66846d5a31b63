"""`report --compare`: a page on two runs of the workspace."""

from dataclasses import dataclass

from data_registry.registry import Registry
from data_registry.runs.champions import resolve_run
from data_registry.runs.run_records import record_test_reading
from data_registry.text.hashes import LEAST_PREFIX, shorten_hash
from flows.config.workspace import Workspace
from flows.reports.paths import REPORTS, get_runs_path, get_shown_path
from train.evaluation.conclusions import CANNOT_TELL
from train.experiments.runs import Run, read_run
from train.reports.pair_report import PairReport, compare_pair, write_pair_report


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """What comparing two runs found.

    Attributes:
        first, second: their ids.
        answer: the second is better, worse, or cannot tell.
        sentence: the answer's numbers in words.
        settling: what would settle it, where the answer is "cannot tell"; else empty.
        difference, low, high: accuracy of the second less that of the first; 0-1.
        p_value: of the exact McNemar test.
        report: the page.
    """

    first: str
    second: str
    answer: str
    sentence: str
    settling: str
    difference: float
    low: float
    high: float
    p_value: float
    report: str


def report_pair(workspace: Workspace, first: str, second: str) -> PairResult:
    """Compare two runs, given by their ids, their beginnings or ``champion``; write the page.

    Raises:
        InputError: there is no such run, or they were tested on different images.
    """
    registry = workspace.registry
    names = [resolve_run(registry, name) for name in (first, second)]
    before, after = (read_run(registry.files, name) for name in names)
    pair = compare_pair(registry.files, before, after)
    content = PairReport(
        project=workspace.project.project.name,
        pair=pair,
        read=registry.read_image,
        target=workspace.project.goal.accuracy,
    )
    folder = f"{REPORTS}/compare-{'-'.join(shorten_hash(name, LEAST_PREFIX) for name in names)}"
    _log_test_reading(registry, folder, after)
    page = write_pair_report(registry.files, folder, content)
    registry.files.write(get_runs_path(page), "\n".join(names).encode())
    interval = pair.difference.interval
    return PairResult(
        first=names[0],
        second=names[1],
        answer=pair.answer,
        sentence=pair.sentence,
        settling=pair.settling.sentence if pair.answer == CANNOT_TELL else "",
        difference=interval.estimate,
        low=interval.low,
        high=interval.high,
        p_value=pair.mcnemar.p_value,
        report=get_shown_path(registry, page),
    )


def _log_test_reading(registry: Registry, folder: str, run: Run) -> None:
    """Log the comparison as a reading of test, once: a page written again says nothing new."""
    if registry.files.exists(f"{folder}/report.html"):
        return
    record_test_reading(
        registry,
        run.card.run_id,
        run.card.version,
        "comparison of two runs",
        run.test.image_count,
    )

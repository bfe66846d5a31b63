"""Paths of training reports in a workspace."""

from pathlib import PurePosixPath

from data_registry.errors import InputError
from data_registry.registry import Registry
from data_registry.runs.champions import CHAMPION, resolve_run
from data_registry.runs.run_records import load_runs
from data_registry.storage.stored_content import name_damaged_file

REPORTS = "reports"


def get_runs_path(page: str) -> str:
    """Get the path of the list of runs that a page reports on; it lies beside the page."""
    return str(PurePosixPath(page).with_name("runs.txt"))


def get_shown_path(registry: Registry, path: str) -> str:
    """Get the path to show for a file: a full path where the workspace is local."""
    return str(registry.files.build_local_path(path) or path)


def _read_runs(registry: Registry, page: str) -> list[str]:
    path = get_runs_path(page)
    data = registry.files.read(path)
    with name_damaged_file(path, "Delete its folder; `ephyra train` writes the report again"):
        return data.decode().split()


def find_report(registry: Registry, run_id: str = "") -> list[str]:
    """Find the reports on a run (id, first characters or ``champion``), or all; newest last.

    Raises:
        InputError: there is none.
    """
    run_id = resolve_run(registry, run_id) if run_id == CHAMPION else run_id
    pages = [path for path in registry.files.list(REPORTS) if path.endswith("report.html")]
    runs_of_page = {page: _read_runs(registry, page) for page in pages}
    about = [
        page
        for page, names in runs_of_page.items()
        if any(name.startswith(run_id) for name in names)
    ]
    if not about:
        raise InputError(
            f"there is no report{f' on run {run_id}' if run_id else ''}: run `ephyra train` first"
        )
    age = {name: place for place, name in enumerate(load_runs(registry)["run_id"])}
    about.sort(key=lambda page: max(age.get(name, -1) for name in runs_of_page[page]))
    return [get_shown_path(registry, page) for page in about]

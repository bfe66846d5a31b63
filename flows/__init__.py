"""Composition: the project file, the stages, the Prefect flow and the command line."""

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from flows.config.loader import load_project
    from flows.config.scaffold import write_project
    from flows.notebook.drawn_photos import draw_found_photos, draw_labelled_set
    from flows.notebook.project_session import Workspace
    from flows.notebook.run_audit import audit
    from flows.steps.result import Result

# By its path: a user's own file may stand in the place of `data_registry`, too.
_guard = runpy.run_path(f"{Path(__file__).parents[1]}/data_registry/own_packages.py")
_guard["refuse_hidden_packages"]("collectors", "data_registry", "labeling", "train")

__all__ = [
    "Result",
    "Workspace",
    "audit",
    "draw_found_photos",
    "draw_labelled_set",
    "load_project",
    "write_project",
]
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config.loader": ["load_project"],
        "config.scaffold": ["write_project"],
        "notebook.run_audit": ["audit"],
        "steps.result": ["Result"],
        "notebook.drawn_photos": ["draw_found_photos", "draw_labelled_set"],
        "notebook.project_session": ["Workspace"],
    },
)

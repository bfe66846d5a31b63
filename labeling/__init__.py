"""Pseudo-labels: what a teacher is sure of, what a person must say, what is rejected."""

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from labeling.audit.audit import draw_audit
    from labeling.review.queue import take_answers
    from labeling.rounds.label import label_pool
    from labeling.rounds.label_settings import LabelSettings
    from labeling.teacher.teacher_spec import TeacherSpec

# By its path: a user's own file may stand in the place of `data_registry`, too.
_guard = runpy.run_path(f"{Path(__file__).parents[1]}/data_registry/own_packages.py")
_guard["refuse_hidden_packages"]("data_registry", "train")

__all__ = [
    "LabelSettings",
    "TeacherSpec",
    "draw_audit",
    "label_pool",
    "take_answers",
]
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit.audit": ["draw_audit"],
        "review.queue": ["take_answers"],
        "rounds.label": ["label_pool"],
        "rounds.label_settings": ["LabelSettings"],
        "teacher.teacher_spec": ["TeacherSpec"],
    },
)

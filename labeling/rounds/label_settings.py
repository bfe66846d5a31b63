"""How the pool is labelled: what the project file's [label] becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labeling.teacher.teacher_spec import TeacherSpec

PolicyName = Literal["certified", "threshold"]


@dataclass(frozen=True)
class LabelSettings:
    """How the pool is labelled.

    Attributes:
        teacher: see `labeling.teacher.teacher_spec.TeacherSpec`.
        threshold: calibrated confidence that policy ``threshold`` accepts, and ``certified``
            where there are too few images to estimate from.
        heed_query: weigh the query that found an image; with policy ``threshold`` a query that
            names another class sends it to review.
        class_of_query: the class each search query was made for.
        policy: ``threshold`` asks for the confidence, beside gate and query; ``certified`` for an
            estimated precision of what is accepted.
        target: that precision.
        heed_gate: what is unlike the labelled images is turned away.
        most_times: images accepted of a class for each labelled one at most; 0: no limit.
    """

    teacher: TeacherSpec = field(default_factory=TeacherSpec)
    threshold: float = 0.95
    heed_query: bool = True
    class_of_query: Mapping[str, str] = field(default_factory=dict)
    policy: PolicyName = "certified"
    target: float = 0.95
    heed_gate: bool = True
    most_times: float = 10.0

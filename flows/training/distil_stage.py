"""`distil`: the champion teaches a small model of the project file."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_registry.progress import Progress
from data_registry.runs.champions import require_champion, resolve_run
from data_registry.versions.published_versions import find_version, load_complete_rows
from flows.config.model_settings import build_fit_config, build_model_spec
from flows.config.prerequisites import require_model
from flows.config.workspace import Workspace
from flows.training.training_data import build_dataset
from flows.training.training_steps import build_training_context, record_finished_runs
from train.experiments.arms import Arm
from train.experiments.cross_validation import Fitting
from train.experiments.distilling import DistillationResult, distil
from train.experiments.runs import read_run


@dataclass(frozen=True)
class DistilRequest:
    """A student to train, and what it learns from.

    Attributes:
        student: a [[train.models]] table's name.
        teachers: runs or their beginnings; none stands for the champion.
        temperature, share: see `train.fitting.distillation_loss.SoftTargets`.
    """

    student: str
    teachers: Sequence[str] = ()
    temperature: float = 3.0
    share: float = 0.7


def distil_stage(
    workspace: Workspace, request: DistilRequest, progress: Progress
) -> DistillationResult:
    """Train the student on the teachers' training images, and keep it as a run.

    It becomes champion by a person's word alone (`ephyra promote`): no fold could make it again.

    Raises:
        InputError: no such table or run, no champion, or teachers of different versions.
    """
    registry, student = workspace.registry, require_model(workspace, request.student)
    names_of = [resolve_run(registry, name) for name in request.teachers]
    teachers = [read_run(registry.files, name) for name in names_of or [require_champion(registry)]]
    chosen = find_version(registry, teachers[0].card.version)
    dataset = build_dataset(registry, chosen, load_complete_rows(registry, chosen))
    if all(teacher.card.arm == Arm.WITHOUT for teacher in teachers):
        dataset = dataset.drop_collected()
    distilled = distil(
        build_training_context(workspace, chosen, progress),
        dataset,
        Fitting(build_model_spec(workspace, student), build_fit_config(student)),
        teachers,
        temperature=request.temperature,
        share=request.share,
    )
    record_finished_runs(registry, [distilled.run])
    return distilled

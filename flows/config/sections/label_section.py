"""[label] and [[label.backbones]]: the teacher, and what it may decide."""

from pydantic import Field

from flows.config.sections.model_section import ModelSection
from flows.config.sections.section import Fraction, Positive, Seed
from flows.config.sections.setting import define_setting
from labeling.rounds.label_settings import LabelSettings, PolicyName
from labeling.teacher.teacher_spec import TeacherMode, TeacherSpec
from train.specs import BackboneSpec


class BackboneSection(ModelSection):
    """[[label.backbones]]"""

    name: str = define_setting(
        BackboneSpec, "name", "a timm model, or torchvision/NAME", default=..., min_length=1
    )


class LabelSection(ModelSection):
    """[label]"""

    backbone: str = define_setting(BackboneSpec, "name", "a timm model, or torchvision/NAME")
    mode: TeacherMode = define_setting(
        TeacherSpec, "mode", "linear head on frozen features, or the whole model fold by fold"
    )
    policy: PolicyName = define_setting(
        LabelSettings, "policy", "certified accepts while the estimated precision meets the target"
    )
    threshold: Fraction = define_setting(
        LabelSettings, "threshold", "calibrated confidence that policy threshold accepts"
    )
    target_precision: Fraction = define_setting(
        LabelSettings, "target", "part of the accepted that shall be right; of policy certified"
    )
    heed_gate: bool = define_setting(
        LabelSettings, "heed_gate", "turn away what is unlike the labelled images"
    )
    gate_quantile: Fraction = define_setting(
        TeacherSpec, "gate_quantile", "share of labelled images that pass the open-set gate"
    )
    heed_query: bool = define_setting(
        LabelSettings, "heed_query", "weigh each query by its estimated reliability"
    )
    max_per_labelled: float = define_setting(
        LabelSettings,
        "most_times",
        "images accepted of a class for each labelled one; 0: no limit",
        ge=0,
    )
    folds: int = define_setting(
        TeacherSpec, "folds", "models fitted, each checked on what it has not seen", ge=2
    )
    epochs: Positive = define_setting(TeacherSpec, "epochs", "of mode finetune")
    learning_rate: float = define_setting(TeacherSpec, "learning_rate", "of mode finetune", gt=0)
    seed: Seed = define_setting(TeacherSpec, "seed", "of folds and training")
    backbones: tuple[BackboneSection, ...] = Field(
        (), examples=[BackboneSection(name="mobilenetv2_100")]
    )

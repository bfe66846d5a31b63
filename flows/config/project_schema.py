"""The project file's models: what `ephyra.toml` may say, with what it means.

These pydantic models are the edge: inside, the rooms take frozen dataclasses.
"""

from typing import Self

from pydantic import Field, field_validator, model_validator

from collectors.fetch.fetched import FetchSettings
from flows.config.sections.class_section import (
    ClassSection,
    refuse_queries_of_classes,
    refuse_similar_classes,
)
from flows.config.sections.collect_section import CollectSection
from flows.config.sections.groups_section import GroupsSection, SplitsSection
from flows.config.sections.label_section import LabelSection
from flows.config.sections.schedule_section import PromoteSection, ScheduleSection, WorkSection
from flows.config.sections.section import Fraction, Section
from flows.config.sections.setting import define_setting
from flows.config.sections.storage_section import StorageSection
from flows.config.sections.train_section import TrainSection
from train.choices import RankName


class ProjectSection(Section):
    """[project]"""

    name: str = Field(min_length=1, description="what the reports call it")
    contact: str = define_setting(
        FetchSettings,
        "contact",
        "address or URL in the User-Agent, so that a site's owner can reach you",
    )


class GoalSection(Section):
    """[goal]"""

    accuracy: Fraction = Field(0.85, description="test accuracy that would be good enough")
    rank_by: RankName = Field(
        "accuracy",
        description="order of the models in reports: accuracy, balanced accuracy, macro F1, "
        "log-loss, calibration error, milliseconds, train seconds, parameters, size",
    )


class Project(Section):
    """The whole file."""

    project: ProjectSection
    storage: StorageSection = StorageSection()
    goal: GoalSection = GoalSection()
    classes: tuple[ClassSection, ...] = Field(
        (), examples=[ClassSection(name="moon", queries=("moon jellyfish", "Aurelia aurita"))]
    )
    collect: CollectSection = CollectSection()
    groups: GroupsSection = GroupsSection()
    splits: SplitsSection = SplitsSection()
    label: LabelSection = LabelSection()
    train: TrainSection = TrainSection()
    promote: PromoteSection = PromoteSection()
    schedule: ScheduleSection = ScheduleSection()
    work: WorkSection = WorkSection()

    @field_validator("classes")
    @classmethod
    def _refuse_similar_classes(cls, classes: tuple[ClassSection, ...]) -> tuple[ClassSection, ...]:
        refuse_similar_classes(classes)
        return classes

    @model_validator(mode="after")
    def _refuse_queries_of_classes(self) -> Self:
        refuse_queries_of_classes(self.collect.background, self.classes)
        return self

    @property
    def group_of_class(self) -> dict[str, str]:
        """The coarser class of each class that has one."""
        return {item.name: item.group for item in self.classes if item.group}

    @property
    def queries(self) -> list[str]:
        """Every query, in the file's order; those for the background last."""
        return list(self.class_of_query)

    @property
    def class_of_query(self) -> dict[str, str]:
        """The class each query was made for; empty for the background."""
        asked = {query: item.name for item in self.classes for query in item.queries}
        return asked | dict.fromkeys(self.collect.background, "")

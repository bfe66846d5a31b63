"""The project file's models: what `ephyra.toml` may say, with what it means.

These pydantic models are the edge: inside, the rooms take frozen dataclasses.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from collectors.budget import BudgetRule
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.network_guard import parse_origin, require_loopback
from collectors.licences import OTHER, StatedLicence, parse_licence
from data_registry.images.image_limits import LEAST_MILLIONS, MOST_MILLIONS
from data_registry.text.wording import suggest_name
from flows.config.class_section import (
    ClassSection,
    Query,
    refuse_queries_of_classes,
    refuse_similar_classes,
)
from flows.config.section import Fraction, Positive, Section, Seed, Threads
from flows.config.train_section import ModelSection, TrainSection
from train.choices import RankName

# What the collectors do by themselves is what a project file says that says nothing.
_FETCH, _BUDGET = FetchSettings(), BudgetRule()


class ProjectSection(Section):
    """[project]"""

    name: str = Field(min_length=1, description="what the reports call it")
    contact: str = Field(
        "", description="address or URL in the User-Agent, so that a site's owner can reach you"
    )


class StorageSection(Section):
    """[storage]"""

    files: str = Field(".", description="workspace: a folder, or an fsspec URL such as s3://…")
    database: str = Field("", description="SQLAlchemy URL; empty: registry.db in the workspace")


class GoalSection(Section):
    """[goal]"""

    accuracy: Fraction = Field(0.85, description="test accuracy that would be good enough")
    rank_by: RankName = Field(
        "accuracy",
        description="order of the models in reports: accuracy, balanced accuracy, macro F1, "
        "log-loss, calibration error, milliseconds, train seconds, parameters, size",
    )


class ProviderSection(Section):
    """[[collect.providers]]"""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    kind: str = Field(
        description="folder, archive, urls, gallery, openverse, wikimedia, inaturalist, gbif, "
        "flickr, zenodo, bing, google, baidu, or what an installed package adds; further keys are "
        "its own options"
    )

    @property
    def options(self) -> dict[str, Any]:
        """The provider's own options."""
        return dict(self.model_extra or {})


def _stated_licence(value: object) -> object:
    """Say which of the names is meant by what is no name: "CC-BY" is written "BY"."""
    names = get_args(StatedLicence)
    if value in names:
        return value
    read = parse_licence(value).name if isinstance(value, str) else ""
    meant = f'; write "{read}"' if read in names and read != OTHER else ""
    raise ValueError(f"expected one of {', '.join(map(repr, names))}{meant}")


class CollectSection(Section):
    """[collect]"""

    providers: tuple[ProviderSection, ...] = Field(
        (), examples=[ProviderSection.model_validate({"kind": "folder", "path": "found"})]
    )
    licences: tuple[Annotated[StatedLicence, BeforeValidator(_stated_licence)], ...] = Field(
        (), description="the only ones taken, such as CC0, PDM, BY, BY-SA; empty: every stated one"
    )
    allow_unknown: bool = Field(
        True, description="take images of no stated licence; search engines state none"
    )
    background: tuple[Query, ...] = Field(
        (), description="queries for anything but the classes: what they find teaches what is none"
    )
    candidates_per_class: Positive = Field(
        _BUDGET.per_class,
        description="tried at most for the queries of a class, by each provider that searches",
    )
    least_new: float = Field(
        _BUDGET.least_new,
        ge=0,
        le=1,
        description="a query whose last 100 bring fewer new images ends early",
    )
    threads: Threads = Field(8, description="candidates tried at the same time")
    min_side: Positive = Field(64, description="shortest side in pixels that is kept")
    max_megabytes: float = Field(
        _FETCH.max_bytes / 1_000_000,
        ge=LEAST_MILLIONS,
        le=MOST_MILLIONS,
        description="largest file, in millions of bytes",
    )
    max_megapixels: float = Field(
        50, ge=LEAST_MILLIONS, le=MOST_MILLIONS, description="largest image, in millions of pixels"
    )
    total_seconds: float = Field(
        _FETCH.total_seconds, gt=0, le=86_400, description="longest fetch, waiting included"
    )
    requests_per_second: float = Field(
        _FETCH.requests_per_second,
        ge=0.001,
        le=1_000_000,
        description="to one host, by all threads together",
    )
    per_host: Positive = Field(_FETCH.per_host, description="requests to one host at the same time")
    robots_txt: bool = Field(True, description="ask image hosts for their robots.txt and obey it")
    allow_loopback: bool | tuple[str, ...] = Field(
        False,
        description='servers of your own on this machine, such as ["127.0.0.1:8000"]; true: those '
        "that providers name as their base or url, and those in lists of urls",
    )

    @field_validator("allow_loopback", mode="before")
    @classmethod
    def _check_loopback(cls, value: object) -> object:
        """Servers as `host:port`; the old `true` is taken for those that providers name."""
        if isinstance(value, bool):
            return value
        try:
            if not isinstance(value, list | tuple):
                raise TypeError(type(value).__name__)
            for each in value:
                require_loopback(parse_origin(each))
        except (TypeError, ValueError) as error:
            raise ValueError(
                'expected a list of servers on this machine, such as ["127.0.0.1:8000"], each with '
                "its port; or true for those that the providers name"
            ) from error
        return value


class GroupsSection(Section):
    """[groups]"""

    name_patterns: tuple[str, ...] = Field(
        (), description="aug-N-SRC: aug-3-medusa.jpg was made from medusa.jpg"
    )
    phash_radius: int = Field(
        8,
        ge=0,
        le=32,
        description="differing bits of 64 that are a copy; beyond 12 every pair is compared",
    )
    dhash_radius: int = Field(12, ge=0, le=64, description="bits by which dHash confirms it")
    feature_similarity: float = Field(
        0.4, gt=0, le=1, description="cosine above which geometry is asked; 1 ties none together"
    )
    feature_neighbours: Positive = Field(
        15, description="one must be among this many most similar images of the other"
    )
    feature_points: int = Field(
        8, ge=4, description="places that must fit when one image is laid on the other"
    )
    feature_share: float = Field(
        0.1, ge=0, le=1, description="of the points that should then be found again"
    )
    feature_correlation: float = Field(
        0.7, ge=0, le=1, description="of the pixels that then lie on each other"
    )
    largest: Positive = Field(
        50, description="images; a greater group is reported for a person (ephyra groups)"
    )


class SplitsSection(Section):
    """[splits]"""

    val: Fraction = Field(0.15, description="share of each class, where the set has no val")
    test: Fraction = Field(0.15, description="share of each class, where the set has no test")
    seed: Seed = Field(0, description="another seed draws other groups")


class BackboneSection(ModelSection):
    """[[label.backbones]]"""

    name: str = Field(min_length=1, description="a timm model, or torchvision/NAME")


class LabelSection(ModelSection):
    """[label]"""

    backbone: str = Field(
        "tf_efficientnetv2_s.in21k_ft_in1k", description="a timm model, or torchvision/NAME"
    )
    mode: Literal["probe", "finetune"] = Field(
        "probe", description="linear head on frozen features, or the whole model fold by fold"
    )
    policy: Literal["certified", "threshold"] = Field(
        "certified", description="certified tightens the threshold until the target is estimated"
    )
    threshold: Fraction = Field(0.95, description="calibrated confidence accepted unasked")
    target_precision: Fraction = Field(
        0.95, description="part of the accepted that shall be right; of policy certified"
    )
    heed_gate: bool = Field(True, description="turn away what is unlike the labelled images")
    gate_quantile: Fraction = Field(
        0.95, description="share of labelled images that pass the open-set gate"
    )
    heed_query: bool = Field(True, description="ask a person where query and teacher disagree")
    max_per_labelled: float = Field(
        10, ge=0, description="images accepted of a class for each labelled one; 0: no limit"
    )
    folds: int = Field(5, ge=2, description="models fitted, each checked on what it has not seen")
    epochs: Positive = Field(20, description="of mode finetune")
    learning_rate: float = Field(1e-4, gt=0, description="of mode finetune")
    seed: Seed = Field(0, description="of folds and training")
    backbones: tuple[BackboneSection, ...] = Field(
        (), examples=[BackboneSection(name="mobilenetv2_100")]
    )


class PromoteSection(Section):
    """[promote]"""

    machine_labelled: Literal["audited", "always", "never"] = Field(
        "audited", description="when a run that learnt machine-made classes may become champion"
    )
    certified_precision: Fraction = Field(
        0.95, description="what an audit must certify; 59 answers without an error do"
    )
    least_validation: Positive = Field(
        200, description="images; with fewer, grouped cross-validation decides"
    )
    folds: int = Field(5, ge=2, description="of that cross-validation, and of calibration")
    calibrate: bool = Field(
        True,
        description="fit the champion once a fold: its probabilities mean frequencies",
    )


def _cron(text: str) -> str:
    try:
        CronSim(text or "0 0 * * *", datetime.now(UTC))
    except CronSimError as error:
        expected = 'expected a cron expression such as "0 3 * * 1", or "" for never'
        raise ValueError(expected) from error
    return text


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        meant = suggest_name(name, available_timezones())
        raise ValueError(f'expected a time zone such as "Europe/Berlin"{meant}')
    return name


Cron = Annotated[str, AfterValidator(_cron)]


class ScheduleSection(Section):
    """[schedule]"""

    collect_and_label: Cron = Field("0 3 * * 1", description="cron; empty: only when asked")
    retrain: Cron = Field("0 5 * * *", description="cron; ends at once without new answers")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="of both expressions"
    )
    retrain_after_answers: Positive = Field(
        20, description="new answers in the review app that start retrain without waiting"
    )


class WorkSection(Section):
    """[work]"""

    runner: Literal["threads", "processes"] = Field(
        "threads", description="what works on the shards of a stage"
    )
    workers: Threads = Field(1, description="shards worked on at the same time")
    shard_size: Annotated[int, Field(ge=1, le=1000)] = Field(256, description="images a shard")


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

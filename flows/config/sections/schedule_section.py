"""[promote], [schedule] and [work]: which run becomes champion; when and how stages run."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from data_registry.text.wording import suggest_name
from flows.config.sections.section import Fraction, Positive, Section, Threads
from labeling.audit.target import TARGET


class PromoteSection(Section):
    """[promote]"""

    machine_labelled: Literal["audited", "always", "never"] = Field(
        "audited", description="when a run that learnt machine-made classes may become champion"
    )
    certified_precision: Fraction = Field(
        TARGET,
        description="what an audit must certify, see `ephyra review --audit`",
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

"""[collect] and [[collect.providers]]: where images are looked for, and which are kept."""

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from collectors.budget import BudgetRule
from collectors.checks.check_settings import CheckSettings
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.fetch.network_guard import parse_origin, require_loopback
from collectors.licences import OTHER, LicenceRule, StatedLicence, parse_licence
from data_registry.images.image_limits import (
    LEAST_MILLIONS,
    MOST_MILLIONS,
    ImageLimits,
    expand_millions,
    shrink_to_millions,
)
from flows.config.sections.class_section import Query
from flows.config.sections.section import Positive, Section, Threads
from flows.config.sections.setting import define_setting


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


def _read_stated_licence(value: object) -> object:
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
    licences: tuple[Annotated[StatedLicence, BeforeValidator(_read_stated_licence)], ...] = (
        define_setting(
            LicenceRule,
            "allowed",
            "the only ones taken, such as CC0, PDM, BY, BY-SA; empty: every stated one",
        )
    )
    allow_unknown: bool = define_setting(
        LicenceRule, "allow_unknown", "take images of no stated licence; search engines state none"
    )
    background: tuple[Query, ...] = Field(
        (), description="queries for anything but the classes: what they find teaches what is none"
    )
    candidates_per_class: Positive = define_setting(
        BudgetRule,
        "per_class",
        "tried at most for the queries of a class, by each provider that searches",
    )
    least_new: float = define_setting(
        BudgetRule,
        "least_new",
        "a query whose last 100 bring fewer new images ends early",
        ge=0,
        le=1,
    )
    threads: Threads = define_setting(
        CollectSettings, "threads", "candidates tried at the same time"
    )
    min_side: Positive = define_setting(
        CheckSettings, "min_side", "shortest side in pixels that is kept"
    )
    max_megabytes: float = define_setting(
        (ImageLimits, FetchSettings),
        "max_bytes",
        "largest file, in millions of bytes",
        default=shrink_to_millions(ImageLimits.max_bytes),
        convert=expand_millions,
        ge=LEAST_MILLIONS,
        le=MOST_MILLIONS,
    )
    max_megapixels: float = define_setting(
        (ImageLimits, CheckSettings),
        "max_pixels",
        "largest image, in millions of pixels",
        default=shrink_to_millions(ImageLimits.max_pixels),
        convert=expand_millions,
        ge=LEAST_MILLIONS,
        le=MOST_MILLIONS,
    )
    total_seconds: float = define_setting(
        FetchSettings, "total_seconds", "longest fetch, waiting included", gt=0, le=86_400
    )
    requests_per_second: float = define_setting(
        FetchSettings,
        "requests_per_second",
        "to one host, by all threads together",
        ge=0.001,
        le=1_000_000,
    )
    per_host: Positive = define_setting(
        FetchSettings, "per_host", "requests to one host at the same time"
    )
    robots_txt: bool = define_setting(
        FetchSettings, "heed_robots_txt", "ask image hosts for their robots.txt and obey it"
    )
    allow_loopback: bool | tuple[str, ...] = define_setting(
        FetchSettings,
        "allow_loopback",
        'servers of your own on this machine, such as ["127.0.0.1:8000"]; true: those '
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

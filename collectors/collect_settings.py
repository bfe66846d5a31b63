"""The settings of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.budget import BudgetRule
from collectors.checks.check_settings import CheckSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule


@dataclass(frozen=True, kw_only=True)
class CollectSettings:
    """Limits and rules of a collection.

    Attributes:
        fetch: limits of a fetch.
        check: what an image must be.
        licences: which candidates are tried, by their licence.
        budget: maximum number of candidates for a class, with providers that search.
        class_of_query: the class of each query; one without a class finds images of none of them.
        after: names of the providers that were queried before: their images are not new.
        threads: candidates tried at the same time.
        shard_size: rows written in one transaction.
    """

    fetch: FetchSettings = field(default_factory=FetchSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    licences: LicenceRule = field(default_factory=LicenceRule)
    budget: BudgetRule = field(default_factory=BudgetRule)
    class_of_query: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    threads: int = 8
    shard_size: int = 256

"""How a collection is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.budget import BudgetRule
from collectors.checks.check_settings import CheckSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule


@dataclass(frozen=True)
class CollectSettings:
    """How to collect.

    Attributes:
        fetch: limits of a fetch.
        check: what an image must be.
        licences: which candidates are tried, by their licence.
        budget: what the queries of a class may cost, with providers that search.
        class_of_query: the class that each query is asked for; one without a class is asked for
            what is none of them.
        after: names of providers asked before: what they gave is not new.
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

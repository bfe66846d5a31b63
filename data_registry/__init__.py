"""Store images and everything known about them: sources, groups, splits and versions."""

from typing import TYPE_CHECKING, Any

from data_registry.own_packages import refuse_hidden_packages

if TYPE_CHECKING:
    from data_registry.registry import Registry

__all__ = ["Registry"]

refuse_hidden_packages()  # this package needs no other one: it warns


def __getattr__(name: str) -> Any:
    """Load the registry on first use: pandas and SQLAlchemy take long to import."""
    if name == "Registry":
        from data_registry.registry import Registry

        return Registry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

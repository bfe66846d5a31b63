"""Heavy libraries: loaded after everything else was looked at, and named while they load."""

from collections.abc import Iterator
from contextlib import contextmanager

from data_registry.progress import Progress, report_phase


@contextmanager
def announce_model_loading(progress: Progress) -> Iterator[None]:
    """Name the seconds that PyTorch, timm and Lightning take; their imports stand inside."""
    with report_phase(progress, "loading PyTorch", None):
        yield


@contextmanager
def announce_flow_loading(progress: Progress) -> Iterator[None]:
    """Name the seconds that Prefect takes; its imports stand inside."""
    with report_phase(progress, "loading Prefect", None):
        yield

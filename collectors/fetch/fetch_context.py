"""What the threads of one fetcher share."""

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.host_limits import HostLimits
from collectors.fetch.network_guard import NetworkGuard, Resolver
from collectors.fetch.robots import Robots
from data_registry.images.memory import SharedMemory, give_back_large_blocks


class FetchContext:
    """Created once for a fetcher and passed to each thread's session.

    Args:
        settings: limits of every fetch.
        resolve: the name lookup.

    Attributes:
        guard: which addresses may be contacted.
        limits: turns at hosts.
        robots: the sites' rules.
        memory: shared by large bodies.
    """

    def __init__(self, settings: FetchSettings, resolve: Resolver) -> None:
        give_back_large_blocks()
        self.settings = settings
        self.guard = NetworkGuard(settings.allow_loopback, resolve)
        self.limits = HostLimits(settings)
        self.robots = Robots()
        self.memory = SharedMemory(settings.memory_bytes)

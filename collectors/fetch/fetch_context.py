"""What the threads of one fetcher have in common."""

from collectors.fetch.fetched import FetchSettings
from collectors.fetch.host_limits import HostLimits
from collectors.fetch.network_guard import NetworkGuard, Resolver
from collectors.fetch.robots import Robots
from data_registry.images.memory import SharedMemory, give_back_large_blocks


class FetchContext:
    """Made once for a fetcher and given to each thread's session.

    Args:
        settings: limits of every fetch.
        resolve: the name lookup.

    Attributes:
        guard: which addresses may be asked.
        limits: turns at hosts.
        robots: the sites' rules.
        memory: what large bodies take of it.
    """

    def __init__(self, settings: FetchSettings, resolve: Resolver) -> None:
        give_back_large_blocks()
        self.settings = settings
        self.guard = NetworkGuard(settings.allow_loopback, resolve)
        self.limits = HostLimits(settings)
        self.robots = Robots()
        self.memory = SharedMemory(settings.memory_bytes)

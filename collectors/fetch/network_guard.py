"""Decide which machines may be contacted: public ones, and this one only if allowed.

A URL's host cannot be trusted: it may be written in octal, be redirected to, or have another
address at each lookup. So the guard judges neither URLs nor names but the addresses to which a
socket is about to be connected (`collectors.fetch.connection` asks it at that moment).
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from collectors.fetch.fetched import FetchFailure
from collectors.outcomes import Outcome

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

# IANA's special-purpose registries (RFC 6890), and what Python's `is_global` misses.
_REFUSED = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "behind a carrier's NAT",
    "127.0.0.0/8": "this machine",
    "169.254.0.0/16": "link-local, where clouds keep their metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved or broadcast",
    "::/128": "unspecified",
    "::1/128": "this machine",
    "::ffff:0:0/96": "an IPv4 address in IPv6 form",
    "::/96": "an IPv4 address in IPv6 form",
    "64:ff9b::/96": "an IPv4 address behind NAT64",
    "64:ff9b:1::/48": "an IPv4 address behind NAT64",
    "100::/64": "discarded",
    "2001::/32": "an IPv4 address behind Teredo",
    "2001::/23": "reserved for protocols",
    "2001:db8::/32": "documentation",
    "2002::/16": "an IPv4 address behind 6to4",
    "3fff::/20": "documentation",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}


def _parse_networks(names: Iterable[str]) -> list[tuple[Network, str]]:
    return [(ipaddress.ip_network(name), _REFUSED[name]) for name in names]


_REFUSED_BY_VERSION = {
    4: _parse_networks(name for name in _REFUSED if ":" not in name),
    6: _parse_networks(name for name in _REFUSED if ":" in name),
}
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")  # all that has been assigned so far (RFC 4291)


def explain_address_refusal(address: Address, allow_loopback: bool = False) -> str:
    """Explain why an address is refused; empty if a connection may be made.

    Args:
        address: what a socket would be connected to.
        allow_loopback: whether 127.0.0.0/8 and ::1 are allowed, but no other address of this
            machine or its networks.
    """
    if address.is_loopback and _is_plain(address):
        return "" if allow_loopback else "this machine"
    for network, what in _REFUSED_BY_VERSION[address.version]:
        if address in network:
            return what
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return "bound to one network"
        return "" if address in _GLOBAL_IPV6 else "not a public address"
    return "" if address.is_global else "not a public address"


def _is_plain(address: Address) -> bool:
    """Whether a loopback address is a plain one: newer Pythons count ::ffff:127.0.0.1 too."""
    return isinstance(address, ipaddress.IPv4Address) or address == ipaddress.IPv6Address("::1")


def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a host with the operating system, best address first, each once.

    Raises:
        OSError: the name is unknown, or the lookup failed.
    """
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in entries))


def parse_origin(text: str) -> str:
    """Parse the origin of a URL or ``host:port`` into the form that `NetworkGuard` compares.

    Raises:
        ValueError: it names no host and port.
    """
    parts = urlsplit(text if "://" in text else f"//{text}")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if not parts.hostname or not port:
        raise ValueError(f"{text!r} names no host and port")
    return _format_origin(parts.hostname, port)


def require_loopback(origin: str) -> None:
    """Raise ValueError for an origin whose host is an address of another machine."""
    host = origin.rpartition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name, which is judged when it is looked up
    if explain_address_refusal(address, allow_loopback=True) or not address.is_loopback:
        raise ValueError(f"{host} is not on this machine")


def _format_origin(host: str, port: int) -> str:
    return f"{host.strip('[]').rstrip('.').lower()}:{port}"


@dataclass(frozen=True)
class NetworkGuard:
    """Resolves a host once and returns only addresses that are allowed.

    Attributes:
        allow_loopback: the servers on this machine that are allowed, each as `parse_origin`
            formats it, with the host as in the URL; True: all of them.
        resolve: the name lookup; every address is judged.
    """

    allow_loopback: bool | tuple[str, ...] = False
    resolve: Resolver = resolve_host

    def exclude_loopback(self) -> "NetworkGuard":
        """Return the same guard without access to this machine."""
        return replace(self, allow_loopback=False)

    def resolve_addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host to the allowed addresses, in the lookup's order.

        Raises:
            FetchFailure: every address of the host is refused.
            OSError: the host cannot be resolved.
        """
        loopback = self._is_admitted(host, port)
        resolved = self.resolve(host.strip("[]"), port)
        judged = [(text, _explain_text_refusal(text, loopback)) for text in resolved]
        allowed = [text for text, reason in judged if not reason]
        if judged and not allowed:
            reasons = ", ".join(f"{text} ({reason})" for text, reason in judged[:3])
            raise FetchFailure(
                Outcome.REFUSED_ADDRESS,
                f"{host} is at {reasons}; expected a public address, or a server of your own "
                "that [collect] allow_loopback names",
            )
        return allowed

    def _is_admitted(self, host: str, port: int) -> bool:
        if isinstance(self.allow_loopback, bool):
            return self.allow_loopback
        return _format_origin(host, port) in self.allow_loopback


def _explain_text_refusal(text: str, allow_loopback: bool) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "not an address"
    return explain_address_refusal(address, allow_loopback)

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import LoopbackServer
from pictures import jpeg

from collectors.fetch.fetched import FetchFailure, FetchSettings
from collectors.fetch.fetcher import Fetcher
from collectors.fetch.network_guard import NetworkGuard, explain_address_refusal
from collectors.outcomes import Outcome

CLOSED = FetchSettings(total_seconds=20, heed_robots_txt=False)
OPEN = FetchSettings(total_seconds=20, heed_robots_txt=False, allow_loopback=True)

# One address and its range, from IANA's special-purpose registries and the IPv6 transition RFCs.
NON_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "feff::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.0.0.1",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "193.0.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.254",
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]

ipv4 = st.ip_addresses(v=4)
any_address = st.ip_addresses()


@pytest.mark.parametrize("text", NON_PUBLIC)
def test_every_range_that_is_not_public_is_refused(text: str) -> None:
    assert explain_address_refusal(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_asked(text: str) -> None:
    assert explain_address_refusal(ipaddress.ip_address(text)) == ""


@given(any_address)
def test_what_python_knows_to_be_special_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert explain_address_refusal(address)


@given(any_address)
def test_allowing_loopback_opens_this_machine_and_nothing_else(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if explain_address_refusal(address) and explain_address_refusal(address) != "this machine":
        assert explain_address_refusal(address, allow_loopback=True) == explain_address_refusal(
            address
        )


@given(st.integers(0, 2**24 - 1))
def test_all_of_127_is_this_machine(low: int) -> None:
    address = ipaddress.IPv4Address((127 << 24) + low)
    assert explain_address_refusal(address) == "this machine"
    assert explain_address_refusal(address, allow_loopback=True) == ""


@given(ipv4, st.booleans())
def test_an_ipv4_address_cannot_hide_in_an_ipv6_one(
    address: ipaddress.IPv4Address, allow_loopback: bool
) -> None:
    number = int(address)
    hidden = {
        "mapped": (0xFFFF << 32) + number,
        "compatible": number,
        "6to4": (0x2002 << 112) + (number << 80),
        "nat64": (0x64FF9B << 96) + number,
        "local nat64": (0x64FF9B0001 << 80) + number,
        "teredo": (0x20010000 << 96) + (number ^ 0xFFFFFFFF),
    }
    for kind, value in hidden.items():
        written = ipaddress.IPv6Address(value)
        # ::1 read as an IPv4-compatible address is 0.0.0.1: as an address it is loopback
        if written != ipaddress.IPv6Address("::1"):
            assert explain_address_refusal(written, allow_loopback), kind


@given(st.from_regex(r"[0-9a-f:.%]{0,20}", fullmatch=True))
def test_a_lookup_may_answer_anything(text: str) -> None:
    guard = NetworkGuard(resolve=lambda _host, _port: [text])
    try:
        (allowed,) = guard.resolve_addresses("host", 80)
    except FetchFailure as end:
        assert end.outcome == Outcome.REFUSED_ADDRESS
    else:
        assert ipaddress.ip_address(allowed).is_global


def test_a_scoped_address_is_refused() -> None:
    assert explain_address_refusal(ipaddress.ip_address("2606:4700::1%eth0"))
    assert explain_address_refusal(ipaddress.ip_address("::1%lo"), allow_loopback=True)


WRITTEN = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.00.00.01",
    "localhost",
    "LOCALHOST",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
]


@pytest.mark.parametrize("host", WRITTEN)
def test_this_machine_is_not_asked_however_its_name_is_written(
    server: LoopbackServer, host: str
) -> None:
    server.put("/a.jpg", jpeg())
    with Fetcher(CLOSED) as fetcher:
        fetched = fetcher.fetch(f"http://{host}:{server.server_port}/a.jpg")
    assert fetched.failure in (Outcome.REFUSED_ADDRESS, Outcome.UNSUPPORTED_URL)
    assert not fetched.failure.retryable
    assert fetched.detail
    assert server.asked("/a.jpg") == 0


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost"])
def test_the_same_names_work_where_loopback_is_allowed(server: LoopbackServer, host: str) -> None:
    """So what refuses them above is the guard, not their spelling."""
    server.put("/a.jpg", jpeg())
    with Fetcher(OPEN) as fetcher:
        assert fetcher.fetch(f"http://{host}:{server.server_port}/a.jpg").data == jpeg()


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "fd00::1", "::ffff:127.0.0.1"])
def test_allowing_loopback_leaves_private_networks_closed(address: str) -> None:
    with Fetcher(OPEN, resolve=lambda _host, _port: [address]) as fetcher:
        fetched = fetcher.fetch("http://metadata.example/latest")
    assert fetched.failure == Outcome.REFUSED_ADDRESS
    assert address in fetched.detail


class Rebinding:
    """A name lookup that answers differently each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


def test_a_name_that_points_elsewhere_the_second_time_is_refused_then(
    server: LoopbackServer,
) -> None:
    rebinding = Rebinding(["127.0.0.1"], ["192.168.0.1"])
    server.put("/a.jpg", jpeg(), 200, {"Connection": "close"})
    url = f"http://bay.example:{server.server_port}/a.jpg"
    with Fetcher(OPEN, rebinding) as fetcher:
        assert fetcher.fetch(url).data == jpeg()
        assert rebinding.asked == 1  # looked up once: what was judged is what was connected to
        assert fetcher.fetch(url).failure == Outcome.REFUSED_ADDRESS
    assert server.asked("/a.jpg") == 1


def test_a_redirect_to_a_name_inside_is_refused(server: LoopbackServer) -> None:
    inside = Rebinding(["127.0.0.1"], ["10.1.2.3"])
    url = server.put("/a.jpg", b"", 302, {"Location": "http://intranet.example/secret"})
    with Fetcher(OPEN, inside) as fetcher:
        fetched = fetcher.fetch(url.replace("127.0.0.1", "bay.example"))
    assert fetched.failure == Outcome.REFUSED_ADDRESS
    assert "intranet.example is at 10.1.2.3 (private)" in fetched.detail


def test_of_mixed_answers_only_what_is_allowed_is_connected_to(server: LoopbackServer) -> None:
    server.put("/a.jpg", jpeg())
    url = f"http://bay.example:{server.server_port}/a.jpg"
    with Fetcher(OPEN, lambda _host, _port: ["10.0.0.1", "127.0.0.1"]) as fetcher:
        assert fetcher.fetch(url).data == jpeg()
    guard = NetworkGuard(resolve=lambda _host, _port: ["10.0.0.1", "8.8.8.8", "::1"])
    assert guard.resolve_addresses("bay.example", 80) == ["8.8.8.8"]


def test_an_address_that_takes_no_connection_gives_way_to_the_next(server: LoopbackServer) -> None:
    server.put("/a.jpg", jpeg())
    url = f"http://bay.example:{server.server_port}/a.jpg"
    with Fetcher(OPEN, lambda _host, _port: ["127.9.9.9", "127.0.0.1"]) as fetcher:
        assert fetcher.fetch(url).data == jpeg()  # nobody listens on 127.9.9.9


def test_the_server_is_told_the_name_not_the_address(server: LoopbackServer) -> None:
    hosts: list[str | None] = []
    server.page(
        "/a.jpg", lambda handler: (hosts.append(handler.headers["Host"]), handler.answer(jpeg()))
    )
    with Fetcher(OPEN, lambda _host, _port: ["127.0.0.1"]) as fetcher:
        fetcher.fetch(f"http://bay.example:{server.server_port}/a.jpg")
    assert hosts == [f"bay.example:{server.server_port}"]


def unknown_name(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def no_address(host: str, port: int) -> Sequence[str]:
    return []


@pytest.mark.parametrize("resolve", [unknown_name, no_address])
def test_a_name_without_an_address_is_a_failed_connection(resolve: object) -> None:
    with Fetcher(CLOSED, resolve) as fetcher:  # type: ignore[arg-type]
        fetched = fetcher.fetch("http://nowhere.example/a.jpg")
    assert fetched.failure == Outcome.CONNECTION_FAILED
    assert "nowhere.example" in fetched.detail

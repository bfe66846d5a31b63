"""HTTPS goes the same bounded way; the rest of the connection is tested through the fetcher."""

import ipaddress
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from loopback import LoopbackServer
from urllib3.exceptions import ReadTimeoutError, SSLError

from collectors.fetch.connection import Deadline, GuardedPools
from collectors.fetch.network_guard import NetworkGuard


@pytest.fixture
def certificate(server: LoopbackServer, tmp_path: Path) -> Path:
    """Make the server speak TLS; the file holds its certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("bay.example")]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return file


def test_https_is_read_to_its_end_and_a_drip_is_not(
    server: LoopbackServer, certificate: Path
) -> None:
    body = bytes(range(256)) * 1000
    good = server.put("/good", body).replace("http:", "https:")
    slow = server.page("/slow", lambda handler: handler.drip(b"H")).replace("http:", "https:")
    deadline = Deadline(30)
    guard = NetworkGuard(allow_loopback=True)
    with GuardedPools(deadline, guard, str(certificate)) as pools:
        assert pools.request("GET", good, timeout=10).data == body
        deadline.restart(0.3)
        with pytest.raises(ReadTimeoutError):
            pools.request("GET", slow, timeout=10)


def test_https_goes_to_the_judged_address_under_the_hosts_own_name(
    server: LoopbackServer, certificate: Path
) -> None:
    server.put("/a", b"body")
    guard = NetworkGuard(allow_loopback=True, resolve=lambda _host, _port: ["127.0.0.1"])
    with GuardedPools(Deadline(30), guard, str(certificate)) as pools:
        port = server.server_port
        url = f"https://bay.example:{port}/a"
        assert pools.request("GET", url, timeout=10).data == b"body"
        with pytest.raises(SSLError, match="Hostname mismatch"):
            pools.request("GET", f"https://other.example:{port}/a", timeout=10)


@pytest.mark.usefixtures("certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(server: LoopbackServer) -> None:
    url = server.put("/a", b"body").replace("http:", "https:")
    with GuardedPools(Deadline(30), NetworkGuard(allow_loopback=True)) as pools:
        for _ in range(2):
            with pytest.raises(SSLError, match=r"self.signed certificate"):
                pools.request("GET", url, timeout=10)


def test_time_spent_waiting_for_ourselves_does_not_count() -> None:
    deadline = Deadline(5)
    before = deadline.get_remaining()
    with deadline.pause():
        time.sleep(0.05)
    assert deadline.get_remaining() > before - 0.05


def test_a_deadline_that_is_over() -> None:
    deadline = Deadline(0)
    assert not deadline.has_time_for(0)
    with pytest.raises(TimeoutError):
        deadline.get_remaining()
    deadline.restart(60)
    assert deadline.has_time_for(30)
    assert not deadline.has_time_for(61)

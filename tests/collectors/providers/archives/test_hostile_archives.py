"""Archives made to take all memory or to never end, read in a process that has little memory."""

import bz2
import gzip
import io
import json
import lzma
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg

from collectors.providers.archives import members
from collectors.providers.archives.archive import ArchiveProvider
from collectors.providers.archives.limits import MOST_MEMBERS
from collectors.providers.archives.unpacking import Clock, unpack
from data_registry.errors import ProviderError

BIG = 160_000_000  # bytes; more than the child may take
DEADLINE = 240  # seconds for all archives together, in case that one never ends

# Reads every member of every archive, within 100 MB more than it has once everything is imported.
CHILD = """
import json, resource, sys
from pathlib import Path
from collectors.fetch.fetched import FetchSettings
from collectors.providers.archives.archive import ArchiveProvider
from data_registry.errors import ProviderError

status = Path("/proc/self/status").read_text()
size = int(next(line for line in status.splitlines() if "VmSize" in line).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + 100_000_000, resource.RLIM_INFINITY))

def candidates(path):
    return ArchiveProvider(path, fetch=FetchSettings(max_bytes=1_000_000)).candidates([])

def outcome(path):
    read, failed = {}, {}
    try:
        for candidate in candidates(path):
            try:
                with candidate.path.open("rb") as file:
                    read[candidate.path.name] = len(file.read())
            except OSError as error:
                failed[candidate.path.name] = error.strerror
    except ProviderError as error:
        return {"error": str(error)}
    return {"read": read, "failed": failed}

for path in sorted(Path(sys.argv[1]).iterdir()):
    print(json.dumps([path.name, outcome(path)]), flush=True)
"""


def zipped(method: int, data: bytes, stated: int | None = None, **files: bytes) -> bytes:
    """Build a zip with a member bomb.jpg, and perhaps another size than its own in both headers."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("bomb.jpg", data)
        for name, content in files.items():
            archive.writestr(f"{name}.jpg", content)
    packed = buffer.getvalue()
    return packed if stated is None else packed.replace(_u32(len(data)), _u32(stated))


def _u32(number: int) -> bytes:
    return struct.pack("<I", number)


def with_method(method: int) -> bytes:
    """Build what Python's zipfile cannot write: a zip with another number of the method."""
    packed = bytearray(zipped(zipfile.ZIP_DEFLATED, b"x" * 1000))
    struct.pack_into("<H", packed, 8, method)
    struct.pack_into("<H", packed, packed.index(b"PK\x01\x02") + 10, method)
    return bytes(packed)


def with_dictionary(size: int) -> bytes:
    """LZMA data that ask for a dictionary of so many bytes."""
    packed = bytearray(zipped(zipfile.ZIP_LZMA, b"x" * 1000))
    struct.pack_into("<I", packed, 30 + len("bomb.jpg") + 5, size)
    return bytes(packed)


def directory(count: int, stated_size: int | None = None) -> bytes:
    """Build a zip whose directory names one member again and again."""
    one = zipped(zipfile.ZIP_STORED, b"x" * 100)
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = one[start:end] * count
    size = len(entries) if stated_size is None else stated_size
    end_of_directory = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, size, start, 0)
    return one[:start] + entries + end_of_directory


def header(kind: bytes, size: int, name: str = "a.jpg") -> bytes:
    """Build a tar header; a size that octal digits cannot write is written as GNU tar does."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = (
        b"%011o\0" % size if 0 <= size < 8**11 else (size % 256**12).to_bytes(12, "big")
    )
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(*records: bytes) -> bytes:
    data = b"".join(records)
    return header(tarfile.XHDTYPE, len(data)) + padded(data)


def record(text: bytes) -> bytes:
    length = len(text) + 4
    return b"%03d %s\n" % (length + 1, text)


def photo(name: str = "good.jpg") -> bytes:
    data = jpeg(seed=1)
    return header(tarfile.REGTYPE, len(data), name) + padded(data)


def sparse_map(blocks: int) -> bytes:
    first = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    first[482] = 1
    first[148:156] = b"        "
    first[148:156] = b"%06o\0 " % sum(first)
    extended = bytearray(512)
    extended[504] = 1
    return bytes(first) + bytes(extended) * blocks + bytes(512)


ZEROS = bytes(BIG)
END = bytes(1024)
LONG_NAME = header(tarfile.GNUTYPE_LONGNAME, BIG)
# each record is two bytes long, and its key goes on to the "=" at the end
MANY_KEYS = b"2 " * 30_000 + b"x="

HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "bzip2.zip": lambda: zipped(zipfile.ZIP_BZIP2, ZEROS),
    "bzip2-lies.zip": lambda: zipped(zipfile.ZIP_BZIP2, ZEROS, 1000),
    "lzma-lies.zip": lambda: zipped(zipfile.ZIP_LZMA, ZEROS, 1000),
    "deflate-lies.zip": lambda: zipped(zipfile.ZIP_DEFLATED, ZEROS, 1000),
    "within-limits.zip": lambda: zipped(zipfile.ZIP_BZIP2, bytes(9_000_000), good=jpeg(seed=1)),
    "dictionary.zip": lambda: with_dictionary(2**32 - 1),
    "deflate64.zip": lambda: with_method(9),
    "zstandard.zip": lambda: with_method(93),
    "many.zip": lambda: directory(MOST_MEMBERS + 1),
    "overlapping.zip": lambda: directory(1000),
    "huge-directory.zip": lambda: directory(1, 2**32 - 2),
    "negative.tar": lambda: header(tarfile.REGTYPE, -512) + photo() + END,
    "negative-link.tar": lambda: header(b"?", -1024) + photo() + END,
    "negative-pax-header.tar": lambda: header(tarfile.XHDTYPE, -512) + photo() + END,
    "negative-in-pax.tar": lambda: pax(record(b"size=-1024")) + photo() + END,
    "digits-in-pax.tar": lambda: pax(b"1" * 60_000 + b" hdrcharset=x\n") + photo() + END,
    "keys-in-pax.tar": lambda: pax(MANY_KEYS) + photo() + END,
    "pax.tar.gz": lambda: gzip.compress(header(tarfile.XHDTYPE, BIG) + ZEROS),
    "huge-pax.tar": lambda: header(tarfile.XHDTYPE, 2_400_000_000) + photo() + END,
    "long-name.tar.bz2": lambda: bz2.compress(LONG_NAME + ZEROS),
    "huge-name.tar": lambda: LONG_NAME + photo() + END,
    "names-of-names.tar": lambda: header(tarfile.GNUTYPE_LONGNAME, 0) * 5000 + photo() + END,
    "sparse.tar": lambda: sparse_map(3000) + photo() + END,
    "sparse-in-pax.tar": lambda: (
        pax(record(b"GNU.sparse.major=1"), record(b"GNU.sparse.realsize=99999999999"))
        + photo("hole.jpg")
        + photo()
        + END
    ),
    "zeros.tar.gz": lambda: gzip.compress(ZEROS, 1),
    "zeros.tar.bz2": lambda: bz2.compress(ZEROS),
    "zeros.tar.xz": lambda: lzma.compress(ZEROS, preset=0),
    "dictionary.tar.xz": lambda: lzma.compress(
        photo() + END, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**30, "preset": 0}]
    ),
    "good.tar.xz": lambda: lzma.compress(photo() + END),
    "two-streams.tar.gz": lambda: gzip.compress(photo()) + gzip.compress(END) + bytes(512),
}
REFUSED = {
    "bzip2.zip": "expected at most 200 times its size",
    "many.zip": "more than 250,000 members",
    "overlapping.zip": "its members overlap",
    "huge-directory.zip": "cannot be read as an archive",
    "negative.tar": "a member has -512 bytes",
    "negative-link.tar": "a member has -1,024 bytes",
    "negative-pax-header.tar": "a member has -512 bytes",
    "negative-in-pax.tar": "a size is b'-1024'",
    "digits-in-pax.tar": "a pax header is malformed",
    "keys-in-pax.tar": "a pax header is malformed",
    "pax.tar.gz": "expected at most 200 times its size",
    "huge-pax.tar": "a header has 2,400,000,000 bytes",
    "long-name.tar.bz2": "expected at most 200 times its size",
    "huge-name.tar": "a header has 160,000,000 bytes",
    "zeros.tar.gz": "expected at most 200 times its size",
    "zeros.tar.bz2": "expected at most 200 times its size",
    "zeros.tar.xz": "expected at most 200 times its size",
    "dictionary.tar.xz": "cannot be read as an archive",
}
GOOD = {"good.jpg": len(jpeg(seed=1))}
READ = {
    "within-limits.zip": {"bomb.jpg": 1_000_001, **GOOD},
    "dictionary.zip": {"bomb.jpg": 1000},
    "names-of-names.tar": GOOD,
    "sparse.tar": GOOD,
    "sparse-in-pax.tar": GOOD,
    "good.tar.xz": GOOD,
    "two-streams.tar.gz": GOOD,
}
FAILED = {
    "bzip2-lies.zip": "checksum",
    "lzma-lies.zip": "checksum",
    "deflate-lies.zip": "checksum",
    "deflate64.zip": "compressed by deflate64",
    "zstandard.zip": "compressed by Zstandard",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Collect each archive in one process, and return its outcome."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, made in HOSTILE.items():
        (folder / name).write_bytes(made())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
        env={"PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return dict(json.loads(line) for line in done.stdout.splitlines())


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the child's size is read from /proc"
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_archive_takes_all_memory_or_never_ends(outcomes: dict[str, Any], name: str) -> None:
    outcome = outcomes[name]
    if name in REFUSED:
        assert REFUSED[name] in outcome["error"]
    elif name in FAILED:
        assert FAILED[name] in outcome["failed"]["bomb.jpg"]
    else:
        assert outcome == {"read": READ[name], "failed": {}}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_members_come_out_as_they_went_in(tmp_path: Path, method: int) -> None:
    data = jpeg(seed=3) * 400  # several pieces
    (tmp_path / "a.zip").write_bytes(zipped(method, data))
    (candidate,) = ArchiveProvider(tmp_path / "a.zip").candidates([])
    assert candidate.path is not None
    with candidate.path.open("rb") as file:
        assert file.read() == data


@pytest.mark.parametrize("name", ["within-limits.zip", "good.tar.xz", "sparse.tar"])
def test_an_archive_has_one_time_for_all_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name]())
    assert list(ArchiveProvider(tmp_path / name).candidates([]))
    monkeypatch.setattr(members, "Clock", lambda: Clock(seconds=0))
    with pytest.raises(ProviderError, match="takes longer than an archive may"):
        list(ArchiveProvider(tmp_path / name).candidates([]))


def test_members_share_the_archive_s_time() -> None:
    packed = io.BytesIO(bz2.compress(bytes(5_000_000)))
    with pytest.raises(TimeoutError):
        unpack(packed, bz2.BZ2Decompressor(), 5_000_000, Clock(seconds=0))

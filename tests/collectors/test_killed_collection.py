"""A collection that is killed again and again ends where an undisturbed one does."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import Handler, LoopbackServer
from pictures import jpeg

from data_registry import Registry
from data_registry.duplicates.match_thresholds import Radii
from data_registry.verification.digest import compute_canonical_digest
from data_registry.verification.verify import verify

KILLS = 50
IMAGES = 2700
PICTURES = 40  # drawn; the others are copies of them
SCRIPT = Path(__file__).parents[1] / "helpers" / "killed_collection.py"


def start(workspace: Path, urls: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), str(workspace), str(urls)]
    # A test before this one may have left PYTHONSAFEPATH, by which Python leaves out a script's
    # own folder.
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed_after(workspace: Path, urls: Path, seconds: float) -> bool:
    """Whether the collection was still at work when it was killed."""
    with start(workspace, urls) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        time.sleep(seconds)
        was_at_work = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return was_at_work


def finish(workspace: Path, urls: Path) -> None:
    with start(workspace, urls) as process:
        process.communicate()
    assert process.returncode == 0


def recorded(workspace: Path) -> set[str]:
    """URLs that have their row."""
    with Registry.open(workspace) as registry:
        return {url for _, url in registry.load_last_attempts("urls")}


@pytest.mark.slow
def test_fifty_kills_change_nothing(server: LoopbackServer, tmp_path: Path) -> None:
    photos = [jpeg(seed) for seed in range(PICTURES)]

    def answer(handler: Handler) -> None:
        time.sleep(0.03)  # so that a kill finds fetches under way
        number = int(handler.path.strip("/").removesuffix(".jpg"))
        if number % 9 == 8:
            handler.answer(b"nothing here", 404)
        else:
            # other bytes behind the end of the image: another SHA-256
            handler.answer(photos[number % PICTURES] + b"%d" % (number // 2))

    paths = [f"/{number}.jpg" for number in range(IMAGES)]
    urls = tmp_path / "urls.txt"
    urls.write_text("\n".join(server.page(path, answer) for path in paths))
    chance = random.Random(0)
    at_work = 0
    for _ in range(KILLS):
        done = recorded(tmp_path / "killed")
        asked = {url: server.asked(url.removeprefix(server.url(""))) for url in done}
        at_work += killed_after(tmp_path / "killed", urls, chance.uniform(0, 0.5))
        again = {url: server.asked(url.removeprefix(server.url(""))) for url in done}
        assert again == asked  # nothing that was finished is fetched again
    assert at_work == KILLS
    assert 0 < len(recorded(tmp_path / "killed")) < IMAGES
    finish(tmp_path / "killed", urls)
    finish(tmp_path / "undisturbed", urls)
    with (
        Registry.open(tmp_path / "killed") as killed,
        Registry.open(tmp_path / "undisturbed") as undisturbed,
    ):
        assert len(undisturbed.find_known_images()) > IMAGES // 3
        assert compute_canonical_digest(killed) == compute_canonical_digest(undisturbed)
        assert verify(killed, Radii(), blobs=True).breaches == ()  # no half file has a name

"""One way to get a list of photographs, in a process of its own.

    python -m benchmarks._acquisition_arms ours|requests|icrawler URLS FOLDER

prints what it took as one JSON object: images, and CPU and wall seconds after the imports.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 8
Work = Callable[[Path, Path], int]


def build_ephyra_arm() -> Work:
    """Fetch, check, SHA-256, pHash and dHash in eight orientations, blob, rows."""
    from collectors.collect import collect
    from collectors.collect_settings import CollectSettings
    from collectors.fetch.fetched import FetchSettings
    from collectors.fetch.network_guard import parse_origin
    from collectors.outcomes import Outcome
    from collectors.providers.urls import UrlListProvider
    from data_registry import Registry

    def work(urls: Path, folder: Path) -> int:
        servers = tuple({parse_origin(url) for url in urls.read_text().split()})
        without_waiting = FetchSettings(
            requests_per_second=1e6, burst=1_000_000, per_host=THREADS, allow_loopback=servers
        )
        with Registry.open(folder) as registry:
            settings = CollectSettings(fetch=without_waiting, threads=THREADS)
            return collect(registry, UrlListProvider(urls), [], settings).outcomes[Outcome.STORED]

    return work


def build_requests_arm() -> Work:
    """Download with one session for each thread; write the bytes without checks."""
    import requests

    local = threading.local()

    def work(urls: Path, folder: Path) -> int:
        folder.mkdir()

        def get(url: str) -> int:
            if not hasattr(local, "session"):
                local.session = requests.Session()
            answer = local.session.get(url, timeout=10)
            answer.raise_for_status()
            (folder / url.rpartition("/")[2]).write_bytes(answer.content)
            return 1

        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(get, urls.read_text().split()))

    return work


def build_icrawler_arm() -> Work:
    """Download with icrawler's crawler for lists of URLs."""
    from icrawler.builtin import UrlListCrawler

    def work(urls: Path, folder: Path) -> int:
        crawler = UrlListCrawler(
            downloader_threads=THREADS, storage={"root_dir": str(folder)}, log_level=logging.ERROR
        )
        crawler.crawl(str(urls))
        return sum(1 for _ in folder.iterdir())

    return work


ARMS = {"ours": build_ephyra_arm, "requests": build_requests_arm, "icrawler": build_icrawler_arm}

if __name__ == "__main__":
    chosen = ARMS[sys.argv[1]]()
    started, cpu = time.perf_counter(), time.process_time()
    images = chosen(Path(sys.argv[2]), Path(sys.argv[3]))
    took = {
        "images": images,
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.perf_counter() - started,
    }
    sys.stdout.write(json.dumps(took) + "\n")

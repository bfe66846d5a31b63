"""One collection in a process of its own, to be killed: WORKSPACE URLS."""

import sys
from pathlib import Path

from pictures import jpeg

from collectors.checks.image_check import check_image
from collectors.collect import collect
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.providers.urls import UrlListProvider
from data_registry import Registry

FETCH = FetchSettings(
    requests_per_second=10_000, burst=10_000, per_host=8, heed_robots_txt=False, allow_loopback=True
)

if __name__ == "__main__":
    settings = CollectSettings(fetch=FETCH, threads=6, shard_size=7)
    # The first check loads scipy and Pillow's formats, 0.3 s and more. It comes before the marker,
    # so that a kill finds a collection at work and not an import.
    check_image(jpeg(), settings.check)
    with Registry.open(Path(sys.argv[1])) as registry:
        sys.stdout.write("started\n")
        sys.stdout.flush()
        collect(registry, UrlListProvider(Path(sys.argv[2])), [], settings)

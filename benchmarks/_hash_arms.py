"""One way to find near-duplicates among hashes, in a process of its own.

    python _hash_arms.py ARM HASHES RADIUS QUERIES FOUND

HASHES is a .npy of shape (n, orientations), uint64: every column is searched for in column 0, for
the last QUERIES rows (0: all). What is found goes to FOUND.npy as distinct pairs of unequal hashes;
the seconds it took, those that an index took to build, and the most memory are printed as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._memory import measure_peak_memory

Hashes = npt.NDArray[np.uint64]  # (k,); found pairs: (k, 2), a query's hash and a known one
Search = Callable[[Hashes], Hashes]
Build = Callable[[Hashes, int], Search]


def build_ephyra_search(known: Hashes, radius: int) -> Search:
    """Collapse equal hashes, then use the multi-index search."""
    from data_registry.duplicates.hamming import HashIndex

    distinct = _collapse_equal(known)
    index = HashIndex(distinct, radius)

    def search(queries: Hashes) -> Hashes:
        asked = _collapse_equal(queries)
        return _join_pairs(
            np.stack([asked[pairs.query], distinct[pairs.indexed]], axis=1)
            for pairs in index.search(asked)
        )

    return search


def build_flat_search(known: Hashes, radius: int) -> Search:
    """Use faiss IndexBinaryFlat, which compares every pair in C++."""
    import faiss

    return _build_faiss_search(faiss.IndexBinaryFlat(64), known, radius)


def build_multihash_search(known: Hashes, radius: int) -> Search:
    """Use faiss IndexBinaryMultiHash: three tables of 21 bits, of which two may differ."""
    import faiss

    index = faiss.IndexBinaryMultiHash(64, 3, 21)
    index.nflip = 2
    return _build_faiss_search(index, known, radius)


def _build_faiss_search(index: object, known: Hashes, radius: int) -> Search:
    index.add(_convert_to_bytes(known))  # type: ignore[attr-defined]

    def search(queries: Hashes) -> Hashes:
        return _join_pairs(portions(queries))

    def portions(queries: Hashes) -> Iterator[Hashes]:
        for start in range(0, len(queries), 100):
            portion = queries[start : start + 100]
            # faiss wants a bound that is not reached
            limits, _, places = index.range_search(_convert_to_bytes(portion), radius + 1)  # type: ignore[attr-defined]
            asked = np.repeat(portion, np.diff(limits).astype(np.int64))
            yield np.stack([asked, known[places]], axis=1)

    return search


def build_imagededup_search(known: Hashes, radius: int) -> Search:
    """Use imagededup's search with its C++ extension; it lists the hashes for each query."""
    from imagededup.handlers.search.brute_force_cython import BruteForceCython

    names = {str(place): f"{value:016x}" for place, value in enumerate(known.tolist())}
    searcher = BruteForceCython(names, None)

    def search(queries: Hashes) -> Hashes:
        return _join_pairs(
            np.stack([np.full(len(places), value, np.uint64), known[places]], axis=1)
            for value in queries
            for places in [[int(name) for name, _ in searcher.search(f"{value:016x}", radius)]]
        )

    return search


def _collapse_equal(hashes: Hashes) -> Hashes:
    # numpy's own `unique` counts whole numbers in a hash table, ten times slower than sorting them
    ordered = np.sort(hashes)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    return np.asarray(ordered[is_first], np.uint64)


def _convert_to_bytes(hashes: Hashes) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)


def _join_pairs(portions: Iterator[Hashes]) -> Hashes:
    return np.concatenate([np.empty((0, 2), np.uint64), *portions])


def _select_distinct(pairs: Hashes) -> Hashes:
    # as one number of 16 bytes: numpy's own `axis=0` is many times slower
    whole = np.ascontiguousarray(pairs).view("V16").reshape(-1)
    return np.unique(whole).view(np.uint64).reshape(-1, 2)


ARMS: dict[str, Build] = {
    "ours": build_ephyra_search,
    "faiss IndexBinaryFlat": build_flat_search,
    "faiss IndexBinaryMultiHash": build_multihash_search,
    "imagededup": build_imagededup_search,
}


def _run_arm(arm: str, file: Path, radius: int, count: int, found: Path) -> None:
    hashes = np.load(file)
    build, known = ARMS[arm], np.ascontiguousarray(hashes[:, 0])
    build(known[:100], radius)(known[:100])  # imports and first calls do not count
    started, cpu = time.perf_counter(), time.process_time()
    search = build(known, radius)
    built = time.perf_counter()
    queries = hashes[-count:] if count else hashes
    portions = [search(queries[:, turn]) for turn in range(hashes.shape[1])]
    took = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "build_seconds": built - started,
        **measure_peak_memory(),
    }
    pairs = _select_distinct(np.concatenate(portions))
    np.save(found, pairs[pairs[:, 0] != pairs[:, 1]])
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    _run_arm(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))

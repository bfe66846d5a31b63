import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_registry.images.memory import SharedMemory


@given(st.lists(st.integers(0, 120), max_size=30), st.integers(1, 8))
def test_no_more_is_lent_than_there_is(sizes: list[int], threads: int) -> None:
    """Except to one alone, so that nobody waits for ever."""
    memory, lock = SharedMemory(100), threading.Lock()
    held: list[int] = []
    wrong: list[list[int]] = []

    def borrow(size: int) -> None:
        with memory.reserve(size):
            with lock:
                held.append(size)
                if sum(held) > 100 and sum(1 for other in held if other) > 1:
                    wrong.append(list(held))
            with lock:
                held.remove(size)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(borrow, sizes))
    assert wrong == []


def test_what_is_asked_for_first_is_lent_first() -> None:
    """A large one waits for those before it, and those after it wait for the large one."""
    memory = SharedMemory(10)
    order: list[str] = []

    def borrow(name: str, size: int) -> None:
        with memory.reserve(size):
            order.append(name)

    with memory.reserve(5):
        large = threading.Thread(target=borrow, args=("large", 10))
        large.start()
        while memory._next_ticket < 2:
            pass
        small = threading.Thread(target=borrow, args=("small", 1))
        small.start()
        while memory._next_ticket < 3:
            pass
        assert order == []
    large.join()
    small.join()
    assert order == ["large", "small"]


def test_an_error_gives_back_what_was_lent() -> None:
    memory = SharedMemory(1)
    for _ in range(3):
        try:
            with memory.reserve(1):
                raise ValueError
        except ValueError:
            continue
    with memory.reserve(1):
        assert memory._reserved == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_waits_for_nobody_that_is_not_there() -> None:
    program = (
        "import os\n"
        "from data_registry.images.memory import DECODING_MEMORY\n"
        "with DECODING_MEMORY.reserve(10**12):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        with DECODING_MEMORY.reserve(10**12):\n"
        "            os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "7"

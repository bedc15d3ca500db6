"""Items are loaded in the background, in order, and errors are raised."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from lenet_pipeline.errors import DatabaseBusyError
from lenet_pipeline.warehouse.background import BackgroundLoader


def test_items_are_loaded_in_order_and_at_most_eight_at_a_time() -> None:
    loads: list[list[int]] = []
    with BackgroundLoader[int](lambda items: loads.append(list(items))) as loader:
        for number in range(50):
            loader.put(number)
    assert [number for load in loads for number in load] == list(range(50))
    assert max(len(load) for load in loads) <= 8
    assert len(loads) < 50


def test_put_does_not_wait_for_a_load() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load(_items: Sequence[int]) -> None:
        begun.set()
        go_on.wait(10)

    with BackgroundLoader[int](load) as loader:
        for number in range(20):
            loader.put(number)
        assert begun.wait(10)
        loader.put(20)
        go_on.set()


def test_a_few_items_are_loaded_before_the_end() -> None:
    loaded = threading.Event()
    with BackgroundLoader[int](lambda _: loaded.set()) as loader:
        loader.put(1)
        assert loaded.wait(10)


def test_a_failure_is_raised_at_the_end_and_nothing_is_loaded_after_it() -> None:
    loads: list[list[int]] = []

    def load(items: Sequence[int]) -> None:
        loads.append(list(items))
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"), BackgroundLoader[int](load) as loader:
        for number in range(8):
            loader.put(number)
    assert loads == [list(range(8))]


def test_a_failure_is_raised_by_the_next_put() -> None:
    def load(_items: Sequence[int]) -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"), BackgroundLoader[int](load) as loader:
        for number in range(100_000):
            loader.put(number)
            time.sleep(0.001)
        raise AssertionError("no item was refused")


def test_a_failure_does_not_hide_the_blocks_own_error() -> None:
    def load(_items: Sequence[int]) -> None:
        raise ValueError("refused")

    with pytest.raises(KeyError), BackgroundLoader[int](load) as loader:
        loader.put(1)
        raise KeyError("the first")


def test_items_refused_by_a_busy_database_are_loaded_later() -> None:
    loads: list[list[int]] = []
    is_refused = threading.Event()

    def load(items: Sequence[int]) -> None:
        if not is_refused.is_set():
            is_refused.set()
            raise DatabaseBusyError("held by process 1")
        loads.append(list(items))

    with BackgroundLoader[int](load) as loader:
        for number in range(8):
            loader.put(number)
        assert is_refused.wait(10)
        loader.put(8)
    assert [number for load in loads for number in load] == list(range(9))


def test_a_database_that_stays_busy_is_a_failure_at_the_end() -> None:
    attempts: list[list[int]] = []

    def load(items: Sequence[int]) -> None:
        attempts.append(list(items))
        time.sleep(0.05)
        raise DatabaseBusyError("held by process 1")

    with pytest.raises(DatabaseBusyError), BackgroundLoader[int](load) as loader:
        loader.put(1)
        time.sleep(2.2)  # it is tried while others could still come
        loader.put(2)
    assert attempts[0] == [1]
    assert attempts[-1] == [1, 2]

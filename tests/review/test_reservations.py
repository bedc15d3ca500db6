"""Reservations: who holds which work, for how long, and what is finished."""

from __future__ import annotations

from lenet_pipeline.review.reservations import Reservations


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_work_is_held_until_the_time_is_over() -> None:
    clock = Clock()
    held = Reservations(hold_s=300, clock=clock)
    assert held.reserve(["a", "b", "c"], "ada", 2) == ["a", "b"]
    assert held.reserve(["a", "b", "c"], "bob", 3) == ["c"]
    clock.now = 299
    assert held.renew(["a"], "ada") == []
    clock.now = 301
    assert held.reserve(["a", "b"], "bob", 2) == ["b"]
    assert held.renew(["a", "b"], "ada") == ["b"]


def test_finished_work_is_lost_to_a_page_that_was_idle() -> None:
    clock = Clock()
    held = Reservations(hold_s=300, clock=clock)
    held.reserve(["a", "b"], "ada", 2)
    clock.now = 400
    held.reserve(["a"], "bob", 1)
    held.finish(["a"], "bob")
    assert held.renew(["a", "b"], "ada") == ["a"]
    held.reopen(["a"], "bob")
    assert held.renew(["a"], "bob") == []
    assert held.renew(["a"], "ada") == ["a"]


def test_a_page_keeps_its_work_when_the_server_starts_again() -> None:
    assert Reservations().renew(["a"], "ada") == []

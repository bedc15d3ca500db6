"""Lists of work in memory: a digit that was reviewed never returns by mistake."""

from __future__ import annotations

from collections.abc import Callable

from lenet_pipeline.review.reservations import Reservations
from lenet_pipeline.review.worklists import Worklists


class Database:
    """Items that wait, as a list that a test can change while it is read."""

    def __init__(self) -> None:
        self.waiting = {name: name.upper() for name in "abcd"}
        self.while_reading: Callable[[], None] = lambda: None

    def load(self, queue: str) -> dict[str, str]:
        found = dict(self.waiting)
        self.while_reading()
        return found


def test_item_that_is_reviewed_while_a_list_is_read_is_not_offered_again() -> None:
    now, database = [0.0], Database()
    work = Worklists(database.load, Reservations(), clock=lambda: now[0])
    assert list(work.next("queue", "Ada", 2)) == ["a", "b"]

    def review() -> None:
        work.remove(["a", "b"])
        work.reservations.release(["a", "b"], "Ada")

    now[0], database.while_reading = 61.0, review
    assert list(work.next("queue", "Bob", 2)) == ["c", "d"]
    assert [*work.listed("queue")] == ["C", "D"]


def test_item_that_was_reviewed_is_not_offered_from_an_older_copy_of_the_database() -> None:
    now, database = [0.0], Database()
    work = Worklists(database.load, Reservations(), clock=lambda: now[0])
    assert list(work.next("queue", "Ada", 2)) == ["a", "b"]
    work.remove(["a", "b"])
    work.reservations.release(["a", "b"], "Ada")
    now[0] = 300.0
    assert list(work.next("queue", "Bob", 4)) == ["c", "d"]


def test_item_whose_verdict_was_undone_waits_again() -> None:
    database = Database()
    work = Worklists(database.load, Reservations())
    assert list(work.next("queue", "Ada", 2)) == ["a", "b"]
    work.remove(["a", "b"])
    work.forget(["a"])
    assert list(work.next("queue", "Ada", 2, ["c"])) == ["a", "d"]

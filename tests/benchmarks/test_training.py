"""The training benchmark: no rung above the one that reaches the target is trained."""

from __future__ import annotations

from benchmarks.training import Rung, climb, ladder, time_to


def test_a_ladder_ends_with_all_epochs():
    assert ladder(18) == [3, 4, 6, 8, 12, 18]
    assert ladder(5) == [3, 4, 5]
    assert ladder(2) == [2]


def test_climbing_stops_at_the_first_rung_that_reaches_the_target():
    trained = []

    def rungs():
        for epochs, accuracy in ((3, 0.985), (4, 0.99), (6, 0.992)):
            trained.append(epochs)
            yield Rung(epochs, 10.0 * epochs, accuracy)

    run = climb(rungs(), 0.99)
    assert trained == [3, 4]
    assert time_to([run], 0.99) == 40.0


def test_a_target_that_one_seed_never_reaches_has_no_time():
    runs = [[Rung(3, 30.0, 0.991)], [Rung(3, 31.0, 0.98), Rung(4, 40.0, 0.989)]]
    assert time_to(runs, 0.99) is None
    assert time_to(runs[:1], 0.99) == 30.0

"""The states of boxes and bubbles by their ink, without pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lenet_pipeline.forms.reading.option_ink import OptionInk
from lenet_pipeline.forms.reading.option_states import OptionVerdict, judge_options

CLEAN = OptionInk(coverage=0, foreign=0, filled=0, inside=1, darkness=0, tone=0.003, tone_noise=0.002)
TICK = OptionInk(coverage=0.3, foreign=0, filled=0.3, inside=0.8, darkness=0.8, tone=0.25, tone_noise=0.002)
FULL = replace(TICK, coverage=0.99, filled=1.0, tone=0.8)


def judge(*inks: OptionInk, group: int | None = 0) -> list[OptionVerdict]:
    """Judge options together with ten clean ones. Return those of ``inks``."""
    every = [*inks, *[CLEAN] * 10]
    return judge_options(every, [group] * len(every))[: len(inks)]


@pytest.mark.parametrize(
    ("ink", "state", "doubt"),
    [
        (CLEAN, "empty", None),
        (TICK, "marked", None),
        (replace(TICK, coverage=0.05, tone=0.03), "doubtful", "touch"),
        (replace(TICK, coverage=0.1, inside=0.4), "doubtful", "touch"),
        (replace(TICK, inside=0.4), "marked", None),
        (replace(TICK, inside=0.1), "doubtful", "line"),
        (replace(CLEAN, foreign=0.2, tone=0.2), "doubtful", "line"),
        (replace(CLEAN, foreign=0.05, tone=0.05), "empty", None),
        (replace(TICK, darkness=0.2, tone=0.06), "doubtful", "faint"),
        (replace(CLEAN, tone=0.03), "doubtful", "faint"),
        (replace(CLEAN, tone=0.006), "empty", None),
    ],
)
def test_state_follows_from_coverage_darkness_and_tone(ink: OptionInk, state: str, doubt: str | None) -> None:
    (verdict,) = judge(ink)
    assert (verdict.state, verdict.doubt) == (state, doubt)
    assert (verdict.state == "marked") <= verdict.is_marked


def test_mark_much_paler_than_the_other_marks_of_the_page_is_a_doubt() -> None:
    pale = replace(TICK, darkness=0.4)
    assert judge(pale)[0].state == "marked"
    assert [each.doubt for each in judge(pale, *[replace(TICK, darkness=1.0)] * 3)] == [
        "faint",
        None,
        None,
        None,
    ]


def test_noisy_page_needs_more_tone_for_a_doubt() -> None:
    noisy = [replace(CLEAN, tone=tone, tone_noise=0.02) for tone in (0.0, 0.02, 0.04, 0.06)] * 3
    verdicts = judge_options([replace(CLEAN, tone=0.06, tone_noise=0.02), *noisy], [0] * 13)
    assert verdicts[0].state == "empty"


def test_full_box_among_ticks_is_blackened_and_among_full_boxes_marked() -> None:
    assert [each.doubt for each in judge(FULL, TICK, TICK)] == ["blackened", None, None]
    assert [each.state for each in judge(FULL, FULL, FULL)] == ["marked"] * 3
    hatched = replace(TICK, coverage=0.8, filled=0.85)
    assert [each.state for each in judge(FULL, hatched, hatched)] == ["marked"] * 3


def test_full_box_is_compared_only_with_boxes_of_its_group() -> None:
    verdicts = judge_options([FULL, TICK, *[CLEAN] * 9], [1, 2, *[1] * 9])
    assert [each.state for each in verdicts[:2]] == ["marked", "marked"]
    assert [each.state for each in judge(FULL, TICK, group=None)] == ["marked", "marked"]


def test_confidence_grows_with_the_distance_from_the_thresholds() -> None:
    marks = [judge(replace(TICK, tone=tone, coverage=tone / 0.8))[0].confidence for tone in (0.1, 0.2, 0.4)]
    assert marks == sorted(marks)
    assert 0.98 < marks[0] < marks[-1] <= 0.9995
    empty = [judge(replace(CLEAN, tone=tone))[0].confidence for tone in (0.003, 0.006, 0.008)]
    assert empty == sorted(empty, reverse=True)
    assert 0.9 < empty[-1] < empty[0]


def test_doubtful_option_says_which_state_is_likelier() -> None:
    pale_mark, rest = judge(replace(TICK, darkness=0.25, tone=0.08), replace(CLEAN, tone=0.014))
    assert (pale_mark.state, pale_mark.is_marked) == ("doubtful", True)
    assert (rest.state, rest.is_marked) == ("doubtful", False)
    assert pale_mark.confidence > rest.confidence > 0.5


def test_page_with_marks_in_every_box_has_no_clean_one_to_compare_with() -> None:
    assert [each.state for each in judge_options([TICK, TICK], [0, 0])] == ["marked", "marked"]

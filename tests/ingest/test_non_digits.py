"""Images that are not digits are reproducible and match their kind."""

from __future__ import annotations

import string

import numpy as np
import pytest

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.ingest.printed.fonts import draw_letters
from lenet_pipeline.ingest.printed.non_digits import INTRUDERS, draw_intruders, draw_rubbish
from lenet_pipeline.lake.digits import images_array
from tests.digit_builders import digits_table


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return images_array(digits_table(40))


@pytest.mark.parametrize("kind", INTRUDERS)
def test_an_intruder_is_an_image_that_its_seed_draws_again(kind, digits):
    drawn = draw_intruders(kind, 12, digits)
    assert (drawn.shape, drawn.dtype) == ((12, 28, 28), np.uint8)
    assert (drawn == draw_intruders(kind, 12, digits)).all()
    assert not (drawn == draw_intruders(kind, 12, digits, seed=1)).all()
    assert len({image.tobytes() for image in drawn}) > 6


def test_what_is_asked_for_more_of_begins_the_same(digits):
    assert (draw_intruders("cross", 9, digits)[:4] == draw_intruders("cross", 4, digits)).all()


def test_blanks_have_next_to_no_ink_and_dashes_are_wide_and_low(digits):
    assert draw_intruders("blank", 50, digits).mean() < 8
    for dash in draw_intruders("dash", 50, digits):
        rows, columns = np.flatnonzero(dash.any(axis=1)), np.flatnonzero(dash.any(axis=0))
        assert columns[-1] - columns[0] >= 17 > 1.4 * (rows[-1] - rows[0])


def test_a_kind_that_there_is_not_is_named_with_those_there_are(digits):
    with pytest.raises(
        UnknownNameError, match="no kind of intruder 'ghost'; available: blank, clear-letter, cross"
    ):
        draw_intruders("ghost", 1, digits)


def test_rubbish_to_learn_from_is_drawn_again_and_is_not_what_is_measured(digits):
    others = images_array(digits_table(40, scan="another"))
    rubbish = draw_rubbish(300, digits)
    assert (rubbish.shape, rubbish.dtype) == ((300, 28, 28), np.uint8)
    assert (rubbish == draw_rubbish(300, digits)).all()
    seen = {image.tobytes() for image in rubbish if image.any()}
    measured = {image.tobytes() for kind in INTRUDERS for image in draw_intruders(kind, 300, others)}
    assert not seen & measured


def test_training_and_measuring_use_letters_of_different_families():
    learned, measured = (
        {glyph.tobytes() for glyph in draw_letters(string.ascii_letters, side)} for side in ("train", "test")
    )
    assert learned and measured
    assert not learned & measured

"""Tests of the lattice of pieces: the packaged network chooses the cuts between touching digits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.digit_images import cut_digits
from lenet_pipeline.forms.reading.piece_lattice import Cuts, cut_with_network
from lenet_pipeline.forms.reading.pieces import cut_group
from lenet_pipeline.forms.reading.seams import propose_seams
from lenet_pipeline.forms.reading.writing import Strokes, find_strokes, measure_cleared_field
from lenet_pipeline.forms.rules.field_rules import OneOf, Rule
from lenet_pipeline.jobs.piece_reading import read_pieces
from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import Scores
from tests.forms.test_cutting import drawn_run

TWO, EIGHT, ZERO = (2, 20, 35), (8, 44, 35), (0, 110, 35)  # the first two touch


def strokes_of(darkness: NDArray[np.float32]) -> Strokes:
    """Return the strokes of a box that fills the picture."""
    height, width = darkness.shape
    place = np.array([[0.0, 0.0, width, height]])
    return find_strokes(measure_cleared_field(darkness, darkness, place), 0.0)


def cut(
    strokes: Strokes, fewest: int = 1, most: int = 10, rules: tuple[Rule, ...] = ()
) -> tuple[str, Cuts | None]:
    """Return what the network reads in its own cuts of a run, and the cuts."""
    cuts = cut_with_network(strokes, fewest, most, rules, read_pieces)
    if cuts is None:
        return "", None
    digits = cut_digits(strokes, cuts.labels, np.repeat(strokes.palest, cuts.count))
    images = np.stack([digit.image for digit in digits if digit is not None])
    return "".join(map(str, read_pieces(images).labels)), cuts


def test_digits_apart_are_never_cut_and_their_cuts_are_sure() -> None:
    value, cuts = cut(strokes_of(drawn_run([TWO, (8, 70, 35), ZERO])))
    assert cuts is not None
    assert value == "280"
    assert (cuts.count, cuts.probability, cuts.doubt) == (3, 1.0, None)


def test_touching_digits_are_cut_where_the_network_reads_them_best() -> None:
    strokes = strokes_of(drawn_run([TWO, EIGHT, ZERO]))
    value, cuts = cut(strokes)
    assert cuts is not None
    assert value == "280"
    assert 0 < cuts.probability < 1
    # Each pixel of ink belongs to one digit at most, and almost none to no digit.
    assert ((cuts.labels > 0) == (strokes.cells > 0)).mean() > 0.999


def test_the_number_of_digits_that_a_template_allows_limits_the_cuts() -> None:
    strokes = strokes_of(drawn_run([TWO, EIGHT, ZERO]))
    for count in (3, 4):
        cuts = cut(strokes, count, count)[1]
        assert cuts is not None
        assert cuts.count == count
    assert cut(strokes, 30, 30)[1] is None


def test_cuts_that_only_the_rules_prefer_are_a_doubt_with_the_reading_without_them() -> None:
    strokes = strokes_of(drawn_run([TWO, EIGHT, ZERO]))
    agreed = cut(strokes, rules=(OneOf(("280", "999")),))[1]
    assert agreed is not None
    assert (agreed.count, agreed.doubt) == (3, None)
    found = cut(strokes, rules=(OneOf(("2180", "2780", "2880")),))[1]
    assert found is not None
    assert found.count == 4
    assert found.doubt == "the digits touch, and read 280 without the rules"


def test_rules_that_only_refused_pieces_keep_do_not_decide() -> None:
    strokes = strokes_of(drawn_run([TWO, EIGHT, ZERO]))
    value, cuts = cut(strokes, rules=(OneOf(("11", "77")),))
    assert cuts is not None
    assert (value, cuts.count) == ("280", 3)


def test_ink_that_the_network_refuses_is_left_to_the_shapes() -> None:
    def refuse(images: Images) -> Scores:
        probabilities = np.full((len(images), 10), 0.1, np.float32)
        return Scores(probabilities, np.ones(len(images), np.float32))

    strokes = strokes_of(drawn_run([TWO, EIGHT, ZERO]))
    assert cut_with_network(strokes, 1, 10, (), refuse) is None


def test_a_box_without_digits_is_left_to_the_shapes() -> None:
    empty, dashes = np.zeros((2, 80, 300), np.float32)
    dashes[38:43, 40:80] = dashes[38:43, 120:170] = 200
    for darkness in (empty, dashes):
        assert cut(strokes_of(darkness))[1] is None


def test_pieces_of_touching_digits_contain_each_digit_and_both() -> None:
    strokes = strokes_of(drawn_run([TWO, EIGHT]))
    labels = (strokes.cells > 0).astype(np.int32)
    pieces, last = cut_group(strokes, labels, 0, 50.0)
    whole = [piece for piece in pieces if (piece.first, piece.last) == (0, last)]
    assert [piece.is_cut for piece in whole] == [False]
    read = read_pieces(np.stack([piece.image for piece in pieces])).labels
    left = {int(label) for piece, label in zip(pieces, read, strict=True) if piece.first == 0}
    right = {int(label) for piece, label in zip(pieces, read, strict=True) if piece.last == last}
    assert 2 in left
    assert 8 in right


def test_a_seam_goes_straight_through_two_loops_that_merge_and_another_goes_around() -> None:
    ink = np.zeros((40, 64), np.uint8)
    for middle in (18, 45):
        cv2.circle(ink, (middle, 20), 12, 1, 4)
    seams = propose_seams(ink.astype(np.float32), 3)
    straight = [seam for seam in seams if np.ptp(seam.columns) <= 4 and 30 <= seam.columns[20] <= 33]
    assert len(straight) == 1
    assert len([seam for seam in seams if seam.ink < straight[0].ink]) >= 2  # through a loop, and around
    places = [float(seam.columns.mean()) for seam in seams]
    assert places == sorted(places)

"""Choose the cuts of touching digits with a network: the best path through a lattice of pieces.

LeCun, Bottou, Bengio and Haffner (1998), sections V to VII: cut more often than needed, let the network score
every piece between two cuts, and take the best path from the left to the right end that the field's rules
allow. Most runs have no touching digits, so a group that is clearly one digit is never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.ink import Labels
from lenet_pipeline.forms.reading.ink_groups import find_core, group_parts, spread_labels
from lenet_pipeline.forms.reading.pieces import Piece, cut_group, label_pieces, whole_piece
from lenet_pipeline.forms.reading.writing import Strokes
from lenet_pipeline.forms.rules.automata import CompiledRules, compile_rules
from lenet_pipeline.forms.rules.field_rules import Length, Rule
from lenet_pipeline.forms.values.lattice import Arc, Reading, find_best_reading
from lenet_pipeline.schema import Images

if TYPE_CHECKING:  # scoring imports torch, which forms without touching digits do not need
    from lenet_pipeline.scoring import Scores

ReadPieces = Callable[[Images], "Scores"]

_CLEAR_SCORE = 0.9  # a group that the network reads as surely as this is one digit,
_CLEAR_WIDTH = 1.1  # if it is not wider than this, relative to the usual height of a digit
_CUT_FROM = 0.45  # narrower groups, likewise, are never cut
_LOWEST_PX = 12  # 1.5 mm: in lower runs, there are dashes instead of digits
_CLOSE = 0.1  # the probability of other cuts from which on the field is doubtful
_REFUSED = 0.5  # the score for not being a digit from which on a piece ends the search

# The score of a piece as a class is a sum of these terms, each with its weight. The weights make the right
# readings of 492 runs with unclear groups most probable among all readings (the discriminative criterion of
# section VI). Half of these runs have only touching digits, a third some, the others none.
_NETWORK, _NOT_A_DIGIT = 1.31, 0.30  # of the log probabilities of the class, and of being a digit
_WIDTH = 0.54  # of the log density of the width
_LOW, _USUAL_LOW = 6.03, 0.9  # of the height that the piece is lower than this
_CROSSING, _LOOSE = 0.70, 0.44
_EACH, _CUT = 0.10, -0.48  # of each piece, and of each piece of a group that is cut
# The widths of each class: mean and standard deviation in 10,000 digits of MNIST.
_WIDTHS = np.array(
    [
        (0.88, 0.13),
        (0.42, 0.19),
        (0.89, 0.13),
        (0.78, 0.15),
        (0.79, 0.14),
        (0.88, 0.14),
        (0.76, 0.14),
        (0.76, 0.14),
        (0.75, 0.14),
        (0.69, 0.13),
    ]
)
_LEAST_DENSITY = -15.0  # of the log density of a width
_LEAST_PROBABILITY, _LEAST_DIGIT = 1e-12, 1e-4


@dataclass(frozen=True)
class Cuts:
    """The digits of a run, and how sure their cuts are.

    Attributes:
        labels: 1 for the leftmost digit, 0 for paper, int32 (height, width).
        count: the number of digits.
        probability: the probability of these cuts among all cuts with an allowed reading.
        doubt: another reading that the ink may have, in a few words, or None if no other is likely.
    """

    labels: Labels
    count: int
    probability: float = 1.0
    doubt: str | None = None


@dataclass(frozen=True)
class _Lattice:
    """Pieces with their arcs, in the same order."""

    pieces: tuple[Piece, ...]
    arcs: tuple[Arc, ...]
    not_a_digit: NDArray[np.float64]

    def refuses(self, reading: Reading) -> bool:
        """Return whether a piece of a reading is probably not a digit."""
        return bool(self.not_a_digit[list(reading.arcs)].max() >= _REFUSED)


def cut_with_network(
    strokes: Strokes, fewest: int, most: int, rules: Sequence[Rule], read: ReadPieces
) -> Cuts | None:
    """Choose the cuts of a run, or return None if the network finds no allowed reading in it.

    Args:
        strokes: the strokes of a box without dividers.
        fewest: the smallest number of digits that the template allows.
        most: the largest number of digits that it allows.
        rules: the other rules of the field.
        read: scores images of pieces.
    """
    mask = strokes.cells > 0
    if not mask.any():
        return None
    groups, usual = group_parts(find_core(mask, strokes.soft))
    if usual < _LOWEST_PX:
        return None
    groups.sort(key=lambda group: group.left + float(np.nonzero(group.mask)[1].mean()))
    labels = np.zeros(mask.shape, np.int32)
    for number, group in enumerate(groups, start=1):
        place = np.s_[group.top : group.top + group.height, group.left : group.left + group.width]
        labels[place][group.mask] = number
    labels = spread_labels(labels, mask & (labels == 0))
    wholes = [whole_piece(strokes, labels, number, usual) for number in range(len(groups))]
    wide = [number for number, whole in enumerate(wholes) if whole and whole.width > _CUT_FROM]
    clear = _find_clear([whole for whole in wholes if whole], read)
    unclear = [number for number in wide if id(wholes[number]) not in clear]
    count = sum(whole is not None for whole in wholes)
    if not unclear and fewest <= count <= most:
        return Cuts(label_pieces(mask.shape, [whole for whole in wholes if whole]), count)
    for cut in (unclear, wide):
        found = _choose_cuts(strokes, labels, wholes, cut, usual, read, Length(fewest, most), rules)
        if found is not None:
            return found
    return None


def _find_clear(wholes: Sequence[Piece], read: ReadPieces) -> set[int]:
    """Return the ids of the pieces that are clearly one digit."""
    if not wholes:
        return set()
    scores = read(np.stack([whole.image for whole in wholes]))
    sure = scores.confidences * (1 - _refusals(scores))
    return {
        id(whole)
        for whole, score in zip(wholes, sure, strict=True)
        if score >= _CLEAR_SCORE and whole.width <= _CLEAR_WIDTH
    }


def _choose_cuts(
    strokes: Strokes,
    labels: Labels,
    wholes: Sequence[Piece | None],
    cut: Sequence[int],
    usual: float,
    read: ReadPieces,
    length: Length,
    rules: Sequence[Rule],
) -> Cuts | None:
    """Return the best cuts if only the given groups may be cut, or None without an allowed reading."""
    lattice = _build(strokes, labels, wholes, cut, usual, read)
    by_length = compile_rules((length,))
    free = None if lattice is None or by_length is None else find_best_reading(lattice.arcs, by_length)
    if lattice is None or by_length is None or free is None:
        return None
    ruled = compile_rules((length, *rules)) if rules else None
    best = find_best_reading(lattice.arcs, ruled) if ruled else None
    if best is None or ruled is None or lattice.refuses(best):
        best, ruled = free, by_length
    if lattice.refuses(best):
        return None
    path = [lattice.arcs[index] for index in best.arcs]
    same = find_best_reading(path, ruled)
    share = min(1.0, same.total / best.total) if same else 0.0
    pieces = [lattice.pieces[index] for index in best.arcs]
    doubt = _describe_doubt(lattice, best, free, share, ruled)
    return Cuts(label_pieces(labels.shape, pieces), len(pieces), share, doubt)


def _describe_doubt(
    lattice: _Lattice, best: Reading, free: Reading, share: float, rules: CompiledRules
) -> str | None:
    """Return the other reading to compare: the one without rules, or a close second one."""
    if best.arcs != free.arcs:
        return f"the digits touch, and read {free.value} without the rules"
    if 1 - share < _CLOSE:
        return None
    others = [
        find_best_reading([arc for arc in lattice.arcs if arc is not lattice.arcs[index]], rules)
        for index in best.arcs
        if lattice.pieces[index].is_cut or len(best.arcs) == 1
    ]
    second = max((other for other in others if other), key=lambda other: other.probability, default=None)
    return None if second is None else f"the digits touch, and may also read {second.value}"


def _build(
    strokes: Strokes,
    labels: Labels,
    wholes: Sequence[Piece | None],
    cut: Sequence[int],
    usual: float,
    read: ReadPieces,
) -> _Lattice | None:
    """Return the lattice of a run, or None if one of its groups has no piece."""
    pieces: list[Piece] = []
    offsets: list[int] = []
    end = 0
    for number, whole in enumerate(wholes):
        if whole is None:
            continue
        own, last = cut_group(strokes, labels, number, usual) if number in cut else ([whole], 1)
        pieces += own
        offsets += [end] * len(own)
        end += last
    if not pieces:
        return None
    scores = read(np.stack([piece.image for piece in pieces]))
    refusals = _refusals(scores)
    arcs = tuple(
        Arc(offset + piece.first, offset + piece.last, _weigh(piece, probabilities, refusal))
        for offset, piece, probabilities, refusal in zip(
            offsets, pieces, scores.probabilities.astype(np.float64), refusals, strict=True
        )
    )
    return _Lattice(tuple(pieces), arcs, refusals)


def _weigh(piece: Piece, probabilities: NDArray[np.float64], refusal: float) -> NDArray[np.float64]:
    """Return the score of a piece as each class, (10,), more than 0 but not a probability."""
    middle, spread = _WIDTHS.T
    width = np.maximum(-0.5 * ((piece.width - middle) / spread) ** 2 - np.log(spread), _LEAST_DENSITY)
    score = _NETWORK * np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    score += _NOT_A_DIGIT * np.log(max(1 - refusal, _LEAST_DIGIT)) + _WIDTH * width
    score -= _LOW * max(0.0, _USUAL_LOW - piece.height)
    score -= _CROSSING * piece.crossings + _LOOSE * piece.loose
    return np.asarray(np.exp(score + _EACH + _CUT * piece.is_cut), dtype=np.float64)


def _refusals(scores: Scores) -> NDArray[np.float64]:
    """Return the scores for not being a digit, (n,). They are 0 for a network without this class."""
    if scores.not_a_digit is None:
        return np.zeros(len(scores.probabilities))
    return scores.not_a_digit.astype(np.float64)

"""The code that writes the outputs: rows of log scores, or of probabilities and not_a_digit."""

from __future__ import annotations

from llvmlite import ir

from lenet_pipeline.scoring.compiled.lanes import Lanes, index

CLASSES = 10


def write_scores(lanes: Lanes, scores: ir.Value, rows: ir.Value, first: ir.Value, vectors: int) -> None:
    """Write the log scores as rows, starting at row ``first``."""
    for vector in range(vectors):
        for label in range(CLASSES):
            value = lanes.load(scores, index(vector * CLASSES + label))
            _write_column(lanes, value, rows, first, (vector, CLASSES, label))


def write_probabilities(
    lanes: Lanes,
    scores: ir.Value,
    constants: ir.Value,
    probabilities: ir.Value,
    rubbish: ir.Value | None,
    first: ir.Value,
    vectors: int,
) -> None:
    """Write probabilities and, if ``rubbish`` is given, not_a_digit, starting at row ``first``.

    ``constants`` holds the inverse of the temperature and the log score of 'not a digit'.
    """
    inverse, none_score = (lanes.broadcast(constants, index(at)) for at in (0, 1))

    def one_vector(vector: ir.Value) -> None:
        base = lanes.builder.mul(vector, index(CLASSES))
        values = [lanes.load(scores, lanes.builder.add(base, index(label))) for label in range(CLASSES)]
        shares = _softmax(lanes, [lanes.builder.fmul(value, inverse) for value in values])
        for label, share in enumerate(shares):
            _write_column(lanes, share, probabilities, first, (vector, CLASSES, label))
        if rubbish is not None:
            # Over all eleven classes and without the temperature, which is fitted only on digits.
            top = lanes.largest([*values, none_score])
            parts = [lanes.exp(lanes.builder.fsub(value, top)) for value in (*values, none_score)]
            share = lanes.builder.fdiv(parts[-1], lanes.total(parts))
            _write_column(lanes, share, rubbish, first, (vector, 1, 0))

    lanes.repeat(index(0), index(vectors), one_vector)


def _softmax(lanes: Lanes, values: list[ir.Value]) -> list[ir.Value]:
    highest = lanes.largest(values)
    parts = [lanes.exp(lanes.builder.fsub(value, highest)) for value in values]
    total = lanes.total(parts)
    return [lanes.builder.fdiv(part, total) for part in parts]


def _write_column(
    lanes: Lanes,
    value: ir.Value,
    rows: ir.Value,
    first: ir.Value,
    place: tuple[ir.Value | int, int, int],
) -> None:
    """Write a vector into one column of successive rows; ``place`` is (vector, width of a row, column)."""
    vector, width, column = place
    builder = lanes.builder
    number = index(vector) if isinstance(vector, int) else vector
    row = builder.add(first, builder.mul(number, index(lanes.count)))
    start = builder.add(builder.mul(row, index(width)), index(column))
    for lane in range(lanes.count):
        at = builder.gep(rows, [builder.add(start, index(lane * width))])
        builder.store(builder.extract_element(value, index(lane)), at)

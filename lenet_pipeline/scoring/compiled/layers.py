"""The code of each layer, from vectors of its inputs to vectors of its outputs.

Each pixel of a map, and each unit, is one vector. The sums of several outputs stay in registers, so that each
loaded value is used for many multiplications. The number of outputs was chosen by measurement (AMD Zen 5: 75
to 85 % of the processor's peak rate of multiplications).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from lenet_pipeline.scoring.compiled.lanes import Lanes, index
from lenet_pipeline.scoring.compiled.plan import Convolution, Dense, Distances

_WIDE_TILE = 5  # adjacent pooled pixels: 20 sums in 32 registers
_NARROW_TILE = 2


@dataclass(frozen=True)
class Memory:
    """The addresses of a layer's inputs, outputs and weights, and the number of vector registers."""

    inputs: ir.Value
    outputs: ir.Value
    weights: ir.Value
    registers: int


def write_convolution(lanes: Lanes, layer: Convolution, memory: Memory) -> None:
    """Convolve, squash and pool the maps of one image per lane.

    The outer loop runs over rows and the inner one over output maps, so that the input rows for a row of
    outputs stay in the level 1 cache.
    """
    starts = [0]
    for seen in layer.connections:
        starts.append(starts[-1] + len(seen))
    seen_maps = [number for seen in layer.connections for number in seen]
    # The size of the maps distinguishes the tables of a network's two convolutions.
    first, inputs = lanes.table(f"starts_{layer.side}", starts), lanes.table(f"maps_{layer.side}", seen_maps)
    maps, area = len(layer.connections), layer.kernel * steps(layer.kernel, lanes.is_paired)
    bias = index(starts[-1] * area)

    def one_map(row: ir.Value, number: ir.Value) -> None:
        builder = lanes.builder
        begin, end = lanes.entry(first, number), lanes.entry(first, builder.add(number, index(1)))
        constants = [builder.add(bias, builder.add(number, index(maps * part))) for part in range(3)]

        def tile(column: ir.Value, width: int) -> None:
            start = [lanes.broadcast(memory.weights, constants[0])] * (4 * width)

            def add_map(connection: ir.Value, *sums: ir.Value) -> Sequence[ir.Value]:
                kernel = builder.mul(connection, index(area))
                corner = _corner(lanes, layer, lanes.entry(inputs, connection), row, column)
                return _add_map(lanes, layer, memory, kernel, corner, list(sums))

            sums = lanes.repeat(begin, end, add_map, start)
            for place in range(width):
                pooled = _pooled(lanes, layer, memory, sums[4 * place : 4 * place + 4], constants[1:])
                at = builder.add(builder.mul(number, index(layer.pooled_side)), row)
                at = builder.add(builder.mul(at, index(layer.pooled_side)), column)
                lanes.store(pooled, memory.outputs, builder.add(at, index(place)))

        _tiles(lanes, layer.pooled_side, _tile_width(layer, memory.registers), tile)

    lanes.repeat(
        index(0),
        index(layer.pooled_side),
        lambda row: lanes.repeat(index(0), index(maps), lambda number: one_map(row, number)) and None,
    )


def _tile_width(layer: Convolution, registers: int) -> int:
    return _WIDE_TILE if registers >= 32 and layer.pooled_side <= _WIDE_TILE else _NARROW_TILE


def _tiles(lanes: Lanes, side: int, width: int, tile: Callable[[ir.Value, int], None]) -> None:
    """Write the code for the tiles of a row: a loop over full tiles, then the rest."""
    whole, rest = divmod(side, width)
    if whole:
        lanes.repeat(index(0), index(whole), lambda turn: tile(lanes.builder.mul(turn, index(width)), width))
    if rest:
        tile(index(whole * width), rest)


def _corner(
    lanes: Lanes, layer: Convolution, map_number: ir.Value, row: ir.Value, column: ir.Value
) -> ir.Value:
    """Return the index of the upper left input pixel in the receptive field of a pooled pixel."""
    builder = lanes.builder
    line = builder.add(builder.mul(map_number, index(layer.side)), builder.mul(row, index(2)))
    return builder.add(builder.mul(line, index(layer.side)), builder.mul(column, index(2)))


def _add_map(
    lanes: Lanes, layer: Convolution, memory: Memory, kernel: ir.Value, corner: ir.Value, sums: list[ir.Value]
) -> list[ir.Value]:
    """Add the contribution of one input map to the four neighbours of each pooled pixel of a tile.

    ``sums[4 * place + 2 * down + right]`` belongs to one neighbour. Each input line is read once, for both
    the upper and the lower neighbours.
    """
    builder, size, places = lanes.builder, layer.kernel, len(sums) // 4
    taps, stride = steps(size, lanes.is_paired), 2 if lanes.is_paired else 1
    for line in range(size + 1):
        pixels = [
            lanes.load(memory.inputs, builder.add(corner, index(line * layer.side + column)))
            for column in range(2 * places + size - 1)
        ]
        for down in (0, 1):
            if not 0 <= line - down < size:
                continue
            for tap in range(taps):
                at = builder.add(kernel, index((line - down) * taps + tap))
                weight = lanes.broadcast(memory.weights, at)
                for place in range(places):
                    for right in (0, 1):
                        number = 4 * place + 2 * down + right
                        pixel = pixels[2 * place + right + stride * tap]
                        sums[number] = lanes.accumulate(pixel, weight, sums[number])
    return sums


def _pooled(
    lanes: Lanes, layer: Convolution, memory: Memory, four: Sequence[ir.Value], constants: Sequence[ir.Value]
) -> ir.Value:
    if layer.is_rectified:
        return lanes.at_least(lanes.largest(four), 0.0)
    total = lanes.total([lanes.tanh(value) for value in four])
    if not layer.is_trainable:
        return total
    coefficient, bias = (lanes.broadcast(memory.weights, at) for at in constants)
    return lanes.tanh(lanes.multiply_add(total, coefficient, bias))


def steps(values: int, is_paired: bool) -> int:
    """Return the number of multiplications for a row of values: one per value or one per pair."""
    return (values + 1) // 2 if is_paired else values


def write_pairs(lanes: Lanes, values: ir.Value, pairs: ir.Value, count: int, *, are_disjoint: bool) -> None:
    """Combine ``count`` values into pairs, possibly in place.

    Disjoint pairs are (0, 1), (2, 3) and so on; overlapping pairs are (0, 1), (1, 2) and so on. A last value
    without a partner is paired with zero.
    """
    builder, zero = lanes.builder, lanes.constant(0.0)
    whole, rest = divmod(count, 2) if are_disjoint else (count - 1, 1)

    def one(number: ir.Value) -> None:
        first = builder.mul(number, index(2)) if are_disjoint else number
        second = lanes.load(values, builder.add(first, index(1)))
        lanes.store(lanes.paired(lanes.load(values, first), second), pairs, number)

    lanes.repeat(index(0), index(whole), one)
    if rest:
        lanes.store(lanes.paired(lanes.load(values, index(count - 1)), zero), pairs, index(whole))


def write_dense(lanes: Lanes, layer: Dense, memory: Memory, vectors: int) -> None:
    """Connect every input to every output, for ``vectors`` vectors of images at a time."""
    width = _divisor(layer.outputs, 6 if memory.registers >= 32 else 2)
    bias = steps(layer.inputs, lanes.is_paired) * layer.outputs
    curves: dict[str, Callable[[ir.Value], ir.Value]] = {
        "tanh": lanes.tanh,
        "relu": lambda value: lanes.at_least(value, 0.0),
        "none": lambda value: value,
    }
    _sum_up(
        lanes,
        memory,
        (steps(layer.inputs, lanes.is_paired), layer.outputs, width, vectors),
        start=lambda unit: lanes.broadcast(memory.weights, lanes.builder.add(unit, index(bias))),
        add=lanes.accumulate,
        finish=curves[layer.curve],
        first_weight=0,
        apart=layer.inputs,
    )


def write_distances(lanes: Lanes, layer: Distances, memory: Memory, vectors: int) -> None:
    """Compute minus the squared distance to each class's code (equation 7)."""
    amplitude = lanes.broadcast(memory.weights, index(0))

    def subtract_square(unit: ir.Value, negated_code: ir.Value, total: ir.Value) -> ir.Value:
        difference = lanes.multiply_add(unit, amplitude, negated_code)
        return lanes.multiply_add(lanes.builder.fneg(difference), difference, total)

    _sum_up(
        lanes,
        memory,
        (layer.inputs, layer.outputs, _divisor(layer.outputs, 5 if memory.registers >= 32 else 2), vectors),
        start=lambda _: lanes.constant(0.0),
        add=subtract_square,
        finish=lambda value: value,
        first_weight=1,
        apart=layer.inputs,
    )


def _sum_up(
    lanes: Lanes,
    memory: Memory,
    shape: tuple[int, int, int, int],
    *,
    start: Callable[[ir.Value], ir.Value],
    add: Callable[[ir.Value, ir.Value, ir.Value], ir.Value],
    finish: Callable[[ir.Value], ir.Value],
    first_weight: int,
    apart: int,
) -> None:
    """Compute every output from all inputs, ``width`` outputs and ``vectors`` vectors of images at a time.

    ``shape`` is (inputs, outputs, width, vectors). The inputs of successive vectors of images are ``apart``
    vectors apart.
    """
    inputs, outputs, width, vectors = shape
    builder = lanes.builder

    def group(number: ir.Value) -> None:
        unit = builder.mul(number, index(width))

        def step(at: ir.Value, *sums: ir.Value) -> list[ir.Value]:
            values = [
                lanes.load(memory.inputs, builder.add(at, index(vector * apart))) for vector in range(vectors)
            ]
            row = builder.add(builder.add(builder.mul(at, index(outputs)), unit), index(first_weight))
            results = list(sums)
            for column in range(width):
                weight = lanes.broadcast(memory.weights, builder.add(row, index(column)))
                for vector in range(vectors):
                    place = column * vectors + vector
                    results[place] = add(values[vector], weight, results[place])
            return results

        begin = [start(builder.add(unit, index(column))) for column in range(width) for _ in range(vectors)]
        sums = lanes.repeat(index(0), index(inputs), step, begin)
        for column in range(width):
            for vector in range(vectors):
                at = builder.add(unit, index(vector * outputs + column))
                lanes.store(finish(sums[column * vectors + vector]), memory.outputs, at)

    lanes.repeat(index(0), index(outputs // width), group)


def _divisor(number: int, limit: int) -> int:
    """Return the largest divisor of a number up to ``limit``."""
    return next(divisor for divisor in range(limit, 0, -1) if number % divisor == 0)

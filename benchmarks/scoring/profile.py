"""Compare the forward pass with the processor's peak.

    python -m benchmarks.scoring.profile
The peak is measured with independent fused multiply-adds on registers. All
times are for one thread.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from llvmlite import ir

from benchmarks.machine import describe_machine
from lenet_pipeline.network import build_network, find_architecture
from lenet_pipeline.schema import IMAGE_BYTES
from lenet_pipeline.scoring import Preprocessing
from lenet_pipeline.scoring.compiled.lanes import FLOAT, Lanes, index
from lenet_pipeline.scoring.compiled.pixels import write_pixels
from lenet_pipeline.scoring.compiled.plan import Convolution, Dense, Distances, Plan, plan_network
from lenet_pipeline.scoring.compiled.program import (
    VECTORS,
    Processor,
    aligned,
    compile_plan,
    find_processor,
    make_machine_code,
    weight_count,
    write_layer,
)

_SUMS = 24  # enough to keep the processor busy, and few enough for its registers
_TURNS = 2_000
_REPEATS = 200
_ROUNDS = 40


def main() -> None:
    """Measure and print the profile of both precisions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architecture", default="lenet5")
    parser.add_argument("--output", type=Path, default=Path("scoring-profile.json"))
    arguments = parser.parse_args()
    processor = find_processor()
    if processor is None:
        raise SystemExit("cannot profile: the engine does not compile for this processor")
    record: dict[str, object] = {"machine": describe_machine()}
    for precision in ("float32", "fast") if processor.has_pairs else ("float32",):
        rows = profile(arguments.architecture, processor, is_paired=precision == "fast")
        record[precision] = rows
        print(f"\n{arguments.architecture}, {precision}")  # noqa: T201 - a benchmark prints its figures
        print(f"{'':<22}{'us/image':>10}{'multiplications':>17}{'G/s':>8}{'of peak':>9}")  # noqa: T201
        for row in rows:
            print(  # noqa: T201
                f"{row['part']:<22}{row['us']:>10.3f}{row['products']:>17,}"
                f"{row['g_per_s']:>8.1f}{row['of_peak']:>9.0%}"
            )
    arguments.output.write_text(json.dumps(record, indent=1))


def profile(architecture: str, processor: Processor, *, is_paired: bool) -> list[dict[str, float | str]]:
    """Return one row per layer and one for the whole pass: microseconds per image, and multiplications."""
    padding_px = find_architecture(architecture).padding_px
    network = build_network(architecture)
    plan, weights = plan_network(network, Preprocessing(padding_px=padding_px), 1.0, is_paired=is_paired)
    peak = measure_peak(processor, is_paired)
    parts = [("pixels into lanes", 0, time_pixels(plan, processor))]
    for number, layer in enumerate((*plan.convolutions, *plan.dense)):
        parts.append((_title(layer), _products(layer), time_layer(plan, processor, number)))
    products = sum(count for _, count, _ in parts)
    parts.append(("whole pass", products, time_pass(plan, weights, processor)))
    parts.append(("at peak speed", products, products / peak * 1e6))
    return [
        {
            "part": part,
            "us": us,
            "products": count,
            "g_per_s": count / us / 1e3,
            "of_peak": count / us * 1e6 / peak,
        }
        for part, count, us in parts
    ]


def measure_peak(processor: Processor, is_paired: bool) -> float:
    """Return the most multiplications per second of one thread."""

    def write(lanes: Lanes, pointers: list[ir.Value]) -> None:
        (vectors,) = pointers
        factors = [lanes.load(vectors, index(number)) for number in (0, 1)]

        def turn(_: ir.Value, *sums: ir.Value) -> list[ir.Value]:
            return [lanes.accumulate(*factors, total) for total in sums]

        sums = lanes.repeat(index(0), index(_TURNS), turn, [factors[0]] * _SUMS)
        lanes.store(lanes.total(sums), vectors, index(2))

    vectors = aligned(np.zeros(3 * processor.lanes, np.float32))
    run = _compiled(processor, is_paired, write, 1)
    seconds = _seconds(lambda: run(vectors.ctypes.data))
    return _TURNS * _SUMS * processor.lanes * (2 if is_paired else 1) / seconds


def time_pixels(plan: Plan, processor: Processor) -> float:
    """Return microseconds per image for interleaving the pixels of a block of images."""
    images = np.zeros(processor.lanes * IMAGE_BYTES, np.uint8)
    field = aligned(np.zeros(plan.side**2 * processor.lanes, np.float32))

    def write(lanes: Lanes, pointers: list[ir.Value]) -> None:
        source = lanes.builder.bitcast(pointers[1], ir.IntType(8).as_pointer())
        write_pixels(lanes, source, index(0), pointers[0], plan.padding_px)

    run = _compiled(processor, False, write, 2)
    return _seconds(lambda: run(field.ctypes.data, images.ctypes.data)) / processor.lanes * 1e6


def time_layer(plan: Plan, processor: Processor, number: int) -> float:
    """Return microseconds per image for one layer alone."""
    layer = (*plan.convolutions, *plan.dense)[number]
    module = ir.Module("layer")
    function = write_layer(module, plan, processor, number)
    function.linkage = ""
    code = make_machine_code(str(module))
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(code.get_function_address(function.name))
    room = 8 * plan.side**2 * VECTORS * processor.lanes
    inputs, outputs = (aligned(np.zeros(room, np.float32)) for _ in range(2))
    weights = aligned(np.full(weight_count(layer, plan.is_paired), 1e-3, np.float32))
    images = processor.lanes if isinstance(layer, Convolution) else processor.block
    pointers = (inputs.ctypes.data, outputs.ctypes.data, weights.ctypes.data)
    return _seconds(lambda: run(*pointers)) / images * 1e6


def time_pass(plan: Plan, weights: np.ndarray, processor: Processor) -> float:
    """Return microseconds per image for the whole forward pass, from images to probabilities."""
    program, count = compile_plan(plan, processor), processor.block * 16
    images = np.random.default_rng(0).integers(0, 256, (count, IMAGE_BYTES), np.uint8)
    probabilities, rubbish = np.empty((count, 10), np.float32), np.empty(count, np.float32)
    scratch, values = program.scratch(), aligned(weights)
    return _seconds(lambda: program.score(images, values, scratch, probabilities, rubbish), 2) / count * 1e6


def _compiled(
    processor: Processor, is_paired: bool, write: Callable[[Lanes, list[ir.Value]], None], pointers: int
) -> Callable[..., None]:
    module = ir.Module("part")
    vector = ir.VectorType(FLOAT, processor.lanes).as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vector] * pointers), "part")
    lanes = Lanes(ir.IRBuilder(function.append_basic_block()), processor.lanes, is_paired=is_paired)
    write(lanes, list(function.args))
    lanes.builder.ret_void()
    code = make_machine_code(str(module))
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers)(code.get_function_address("part"))
    run.code = code  # type: ignore[attr-defined]  # keeps the machine code alive
    return run


def _seconds(job: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the shortest of several rounds' mean times of a job."""
    rounds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(repeats):
            job()
        rounds.append((time.perf_counter() - started) / repeats)
    return min(rounds)


def _title(layer: Convolution | Dense | Distances) -> str:
    if isinstance(layer, Convolution):
        return f"convolution {layer.side} to {layer.pooled_side}"
    kind = "distances" if isinstance(layer, Distances) else "dense"
    return f"{kind} {layer.inputs} to {layer.outputs}"


def _products(layer: Convolution | Dense | Distances) -> int:
    """Count the multiplications of a layer, without its activation function."""
    if isinstance(layer, Convolution):
        return sum(len(seen) for seen in layer.connections) * (2 * layer.pooled_side * layer.kernel) ** 2
    return layer.inputs * layer.outputs


if __name__ == "__main__":
    main()

"""Compile a whole network to one function of machine code."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from lenet_pipeline.schema import Floats, Images
from lenet_pipeline.scoring.compiled.lanes import BYTE, FLOAT, INDEX, Lanes, index
from lenet_pipeline.scoring.compiled.layers import (
    Memory,
    steps,
    write_convolution,
    write_dense,
    write_distances,
    write_pairs,
)
from lenet_pipeline.scoring.compiled.outputs import write_probabilities, write_scores
from lenet_pipeline.scoring.compiled.pixels import write_pixels
from lenet_pipeline.scoring.compiled.plan import Convolution, Dense, Distances, Plan

# Vectors of images that go through the dense layers together, so that one read of a weight serves them all.
VECTORS = 4
_ALIGNMENT = 64
_SCORE = "score"
_RAW_SCORES = "raw_scores"


@dataclass(frozen=True)
class Processor:
    """The target processor: its name, the lanes of a vector, and the number of vector registers.

    ``has_pairs`` tells whether it can multiply pairs of bfloat16.
    """

    name: str
    lanes: int
    registers: int
    has_pairs: bool = False

    @property
    def block(self) -> int:
        """The number of images that are scored at a time."""
        return self.lanes * VECTORS


def find_processor() -> Processor | None:
    """Describe this processor; return None if it lacks a fused multiply-add."""
    features = llvm.get_host_cpu_features()
    name = llvm.get_host_cpu_name()
    if features.get("avx512f"):
        return Processor(name, 16, 32, has_pairs=bool(features.get("avx512bf16")))
    if features.get("avx2") and features.get("fma"):
        return Processor(name, 8, 16)
    if platform.machine() in ("arm64", "aarch64"):
        return Processor(name, 4, 32)
    return None


class Program:
    """The machine code of one plan; any number of threads may run it at once."""

    def __init__(self, plan: Plan, processor: Processor) -> None:
        self.block = processor.block
        self._scratch_floats = sum(_regions(plan)) * processor.lanes
        code = make_machine_code(str(_write_module(plan, processor)))
        self._code = code  # owns the functions below
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64, *[ctypes.c_void_p] * 2)
        self._score = signature(code.get_function_address(_SCORE))
        self._raw_scores = signature(code.get_function_address(_RAW_SCORES))

    def scratch(self) -> Floats:
        """Return working memory for one thread; it is zeroed, because the padding around an image is zero."""
        return aligned(np.zeros(self._scratch_floats, np.float32))

    def score(
        self, images: Images, weights: Floats, scratch: Floats, probabilities: Floats, not_a_digit: Floats
    ) -> None:
        """Score whole blocks of uint8 (n, 28, 28) images, n a multiple of ``block``.

        Fills ``probabilities``, float32 (n, 10), and ``not_a_digit``, float32 (n,). The latter is not changed
        if the network has no such class.
        """
        self._run(self._score, images, weights, scratch, (probabilities, not_a_digit))

    def raw_scores(self, images: Images, weights: Floats, scratch: Floats, scores: Floats) -> None:
        """Fill ``scores``, float32 (n, 10), with the log scores of n images, n a multiple of ``block``."""
        self._run(self._raw_scores, images, weights, scratch, (scores, scores))

    def _run(
        self,
        function: Callable[..., None],
        images: Images,
        weights: Floats,
        scratch: Floats,
        results: tuple[Floats, Floats],
    ) -> None:
        pointers = (array.ctypes.data for array in (images, weights, scratch))
        function(*pointers, len(images) // self.block, *(result.ctypes.data for result in results))


@lru_cache(maxsize=16)
def compile_plan(plan: Plan, processor: Processor) -> Program:
    """Compile a plan; the cache serves all models with the same plan, because it excludes the weights."""
    return Program(plan, processor)


def aligned(values: Floats) -> Floats:
    """Return a copy of float32 values that is aligned for vectors."""
    spare = _ALIGNMENT // values.itemsize
    room = np.empty(len(values) + spare, np.float32)
    start = -room.ctypes.data // values.itemsize % spare
    copy = room[start : start + len(values)]
    copy[:] = values
    return copy


def _regions(plan: Plan) -> list[int]:
    """Return the number of vectors for the pixels and for the outputs of each layer."""
    *maps, last = (layer.outputs for layer in plan.convolutions)
    units = [layer.outputs for layer in plan.dense]
    fields = 2 if plan.is_paired else 1
    return [fields * plan.side**2, *maps, *(VECTORS * count for count in (last, *units))]


def _write_module(plan: Plan, processor: Processor) -> ir.Module:
    module = ir.Module("lenet")
    module.triple = llvm.get_process_triple()
    layers = [
        write_layer(module, plan, processor, number) for number in range(len(plan.convolutions + plan.dense))
    ]
    _write_entry(module, plan, processor, layers, _RAW_SCORES)
    _write_entry(module, plan, processor, layers, _SCORE)
    return module


def write_layer(module: ir.Module, plan: Plan, processor: Processor, number: int) -> ir.Function:
    """Write a layer as a separate function, so that its code stays in the level 1 cache."""
    layer = (*plan.convolutions, *plan.dense)[number]
    vector = ir.VectorType(FLOAT, processor.lanes).as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [vector, vector, FLOAT.as_pointer()])
    function = ir.Function(module, signature, f"layer_{number}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    for argument in function.args:
        argument.add_attribute("noalias")
    lanes = Lanes(ir.IRBuilder(function.append_basic_block()), processor.lanes, is_paired=plan.is_paired)
    inputs, outputs, weights = function.args
    if plan.is_paired and number == 0:
        # Next to the pixels, not in place, because the padding around the pixels is never written again.
        pairs = lanes.builder.gep(inputs, [index(plan.side**2)])
        write_pairs(lanes, inputs, pairs, plan.side**2, are_disjoint=False)
        inputs = pairs
    elif plan.is_paired:
        _pair_inputs(lanes, layer, inputs)
    memory = Memory(inputs, outputs, weights, processor.registers)
    if isinstance(layer, Convolution):
        write_convolution(lanes, layer, memory)
    elif isinstance(layer, Dense):
        write_dense(lanes, layer, memory, VECTORS)
    else:
        write_distances(lanes, layer, memory, VECTORS)
    lanes.builder.ret_void()
    return function


def _pair_inputs(lanes: Lanes, layer: Convolution | Dense | Distances, inputs: ir.Value) -> None:
    if isinstance(layer, Convolution):
        maps = 1 + max(max(seen) for seen in layer.connections)
        write_pairs(lanes, inputs, inputs, maps * layer.side**2, are_disjoint=False)
    elif isinstance(layer, Dense):
        for vector in range(VECTORS):
            start = lanes.builder.gep(inputs, [index(vector * layer.inputs)])
            write_pairs(lanes, start, start, layer.inputs, are_disjoint=True)


def _write_entry(
    module: ir.Module, plan: Plan, processor: Processor, layers: list[ir.Function], name: str
) -> None:
    """Write the function ``name(images, weights, scratch, blocks, rows, rubbish)``, which scores blocks."""
    byte, number = BYTE.as_pointer(), FLOAT.as_pointer()
    vector = ir.VectorType(FLOAT, processor.lanes).as_pointer()
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [byte, number, vector, INDEX, number, number]), name
    )
    images, weights, scratch, blocks, rows, rubbish = function.args
    lanes = Lanes(ir.IRBuilder(function.append_basic_block()), processor.lanes)
    builder = lanes.builder
    regions = _regions(plan)
    starts = [sum(regions[:place]) for place in range(len(regions))]
    places = [builder.gep(scratch, [index(start)]) for start in starts]
    weight_starts = _weight_starts(plan)
    deep = len(plan.convolutions)

    def one_vector(block: ir.Value, vector_number: ir.Value) -> None:
        first = builder.mul(
            builder.add(builder.mul(block, index(VECTORS)), vector_number), index(processor.lanes)
        )
        write_pixels(lanes, images, first, places[0], plan.padding_px)
        for step in range(deep):
            target = places[step + 1]
            if step == deep - 1:
                target = builder.gep(target, [builder.mul(vector_number, index(regions[deep] // VECTORS))])
            part = builder.gep(weights, [index(weight_starts[step])])
            builder.call(layers[step], [places[step], target, part])

    def one_block(block: ir.Value) -> None:
        lanes.repeat(index(0), index(VECTORS), lambda vector_number: one_vector(block, vector_number))
        for step in range(deep, len(layers)):
            part = builder.gep(weights, [index(weight_starts[step])])
            builder.call(layers[step], [places[step], places[step + 1], part])
        constants = builder.gep(weights, [index(weight_starts[-1])])
        first = builder.mul(block, index(processor.block))
        if name == _RAW_SCORES:
            write_scores(lanes, places[-1], rows, first, VECTORS)
        else:
            more = rubbish if plan.has_rubbish else None
            write_probabilities(lanes, places[-1], constants, rows, more, first, VECTORS)

    lanes.repeat(index(0), blocks, one_block)
    builder.ret_void()


def _weight_starts(plan: Plan) -> list[int]:
    """Return the start of each layer's weights, and the start of the two constants of the outputs."""
    starts = [0]
    for layer in (*plan.convolutions, *plan.dense):
        starts.append(starts[-1] + weight_count(layer, plan.is_paired))
    return starts


def weight_count(layer: Convolution | Dense | Distances, is_paired: bool) -> int:
    """Return the number of floats that a layer's folded weights occupy."""
    if isinstance(layer, Convolution):
        kernels = sum(len(seen) for seen in layer.connections) * layer.kernel
        biases = len(layer.connections) * (3 if layer.is_trainable else 1)
        return kernels * steps(layer.kernel, is_paired) + biases
    if isinstance(layer, Distances):
        return 1 + layer.inputs * layer.outputs
    return (steps(layer.inputs, is_paired) + 1) * layer.outputs


def make_machine_code(code: str) -> llvm.ExecutionEngine:
    """Compile LLVM's intermediate language to machine code for this processor.

    LLVM's optimisation passes are skipped: they take twice as long as all the rest, and the code, which is
    already in its final order, does not become faster.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(code)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine

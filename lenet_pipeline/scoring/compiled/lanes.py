"""Vectors of float32 lanes, one image per lane, and their operations in LLVM's intermediate language.

Each operation is an IEEE 754 operation, rounded once. This code fixes their order, and LLVM keeps it, because
no fast-math flag is set. So every processor computes the same bits, however many lanes it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llvmlite import ir

# The AVX-512 BF16 instruction that multiplies pairs.
PAIRED_PRODUCT = "llvm.x86.avx512bf16.dpbf16ps.512"

FLOAT, BYTE, INDEX, WORD = ir.FloatType(), ir.IntType(8), ir.IntType(64), ir.IntType(32)

# tanh(x) is approximated by x P(x^2) / Q(x^2) up to |x| = 8, where it is 1 - 2e-7; larger |x| are clipped. P
# and Q have degree 4 and minimise the largest error, which is 6e-9 before rounding.
TANH_LIMIT = 8.0
TANH_NUMERATOR = (0.9999999403953552, 0.13438187539577484, 0.0035641517024487257, 2.177317401219625e-05,
                  1.506171187770633e-08)  # fmt: skip
TANH_DENOMINATOR = (1.0, 0.4677150845527649, 0.026135999709367752, 0.0003399172273930162,
                    8.453621376247611e-07)  # fmt: skip

# The same with degrees 2 and 3. The error is 4e-5, a tenth of the rounding error of bfloat16.
ROUGH_NUMERATOR = (0.9998471140861511, 0.11015380918979645, 0.0012533055851235986)
ROUGH_DENOMINATOR = (1.0, 0.4430754780769348, 0.01594792865216732, 4.1160936234518886e-05)

# exp(x) is 2^n p(x - n ln 2) for an integer n. p has degree 6 and an error of 2e-9 within +-ln(2) / 2.
EXP_LOWEST = -87.0
EXP_POLYNOMIAL = (1.0, 1.0, 0.49999991059303284, 0.16666419804096222, 0.04166822507977486,
                  0.008374824188649654, 0.0013836835278198123)  # fmt: skip
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.42860682030941723212e-6  # the first ends with zero bits


def index(value: int) -> ir.Constant:
    """Return an integer constant for counting or addressing."""
    return ir.Constant(INDEX, value)


class BrainFloat(ir.Type):  # type: ignore[misc]
    """LLVM's bfloat type, which llvmlite lacks: a float32 without its last 16 bits."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BrainFloat)

    def __hash__(self) -> int:
        return hash(BrainFloat)


class Lanes:
    """Writes the code of one function, whose vectors have ``count`` lanes.

    With ``is_paired``, values and weights are pairs of bfloat16, two in the space of one float32, and each
    multiplication multiplies both.
    """

    def __init__(self, builder: ir.IRBuilder, count: int, *, is_paired: bool = False) -> None:
        self.builder, self.count, self.is_paired = builder, count, is_paired
        self.vector = ir.VectorType(FLOAT, count)
        self.whole = ir.VectorType(WORD, count)

    def constant(self, value: float) -> ir.Constant:
        """Return a vector with one number in every lane."""
        return ir.Constant(self.vector, [ir.Constant(FLOAT, value)] * self.count)

    def words(self, value: int) -> ir.Constant:
        """Return a vector of 32-bit words with one integer in every lane."""
        return ir.Constant(self.whole, [ir.Constant(WORD, value)] * self.count)

    def load(self, vectors: ir.Value, at: ir.Value) -> ir.Value:
        """Read the vector at index ``at``."""
        return self.builder.load(self.builder.gep(vectors, [at]), align=4 * self.count)

    def store(self, value: ir.Value, vectors: ir.Value, at: ir.Value) -> None:
        """Write the vector at index ``at``."""
        self.builder.store(value, self.builder.gep(vectors, [at]), align=4 * self.count)

    def broadcast(self, floats: ir.Value, at: ir.Value) -> ir.Value:
        """Read the number at index ``at`` into every lane."""
        blank = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(
            blank, self.builder.load(self.builder.gep(floats, [at])), ir.Constant(WORD, 0)
        )
        return self.builder.shuffle_vector(first, blank, self.words(0))

    def table(self, name: str, numbers: Sequence[int]) -> ir.GlobalVariable:
        """Store integers in the program's constants, once per name."""
        module = self.builder.module
        if name not in module.globals:
            values = ir.Constant(ir.ArrayType(INDEX, len(numbers)), [index(number) for number in numbers])
            table = ir.GlobalVariable(module, values.type, name)
            table.initializer, table.global_constant, table.linkage = values, True, "internal"
        return module.globals[name]

    def entry(self, table: ir.GlobalVariable, at: ir.Value) -> ir.Value:
        """Read the integer at index ``at`` of a table."""
        return self.builder.load(self.builder.gep(table, [index(0), at]))

    def multiply_add(self, factor: ir.Value, other: ir.Value, addend: ir.Value) -> ir.Value:
        """Return ``factor * other + addend``, rounded once."""
        return self._call("llvm.fma", factor, other, addend)

    def accumulate(self, values: ir.Value, weights: ir.Value, total: ir.Value) -> ir.Value:
        """Add the product of values and weights to ``total``; of pairs, add both products."""
        if not self.is_paired:
            return self.multiply_add(values, weights, total)
        pairs = ir.VectorType(BrainFloat(), 2 * self.count)
        signature = ir.FunctionType(self.vector, [self.vector, pairs, pairs])
        both = (self.builder.bitcast(each, pairs) for each in (values, weights))
        return self.builder.call(self._declared(PAIRED_PRODUCT, signature), [total, *both])

    def paired(self, first: ir.Value, second: ir.Value) -> ir.Value:
        """Round two vectors to bfloat16, to nearest even, and combine them in one vector of pairs."""
        low, high = (self._rounded(value) for value in (first, second))
        low = self.builder.lshr(low, self.words(16))
        high = self.builder.and_(high, self.words(0xFFFF0000))
        return self.builder.bitcast(self.builder.or_(low, high), self.vector)

    def _rounded(self, value: ir.Value) -> ir.Value:
        bits = self.builder.bitcast(value, self.whole)
        last = self.builder.and_(self.builder.lshr(bits, self.words(16)), self.words(1))
        return self.builder.add(self.builder.add(bits, last), self.words(0x7FFF))

    def at_most(self, value: ir.Value, limit: float) -> ir.Value:
        """Return the smaller of the value and the limit; NaN stays NaN."""
        bound = self.constant(limit)
        return self.builder.select(self.builder.fcmp_ordered(">", value, bound), bound, value)

    def at_least(self, value: ir.Value, limit: float) -> ir.Value:
        """Return the larger of the value and the limit; NaN stays NaN."""
        bound = self.constant(limit)
        return self.builder.select(self.builder.fcmp_ordered("<", value, bound), bound, value)

    def largest(self, values: Sequence[ir.Value]) -> ir.Value:
        """Return the largest of several values, or NaN if one of them is NaN."""
        first, *others = values
        for other in others:
            first = self._call("llvm.maximum", first, other)
        return first

    def total(self, values: Sequence[ir.Value]) -> ir.Value:
        """Return the sum, added from first to last."""
        first, *others = values
        for other in others:
            first = self.builder.fadd(first, other)
        return first

    def tanh(self, value: ir.Value) -> ir.Value:
        """Return the hyperbolic tangent, within 3e-7, or within 4e-5 for bfloat16."""
        above = ROUGH_NUMERATOR if self.is_paired else TANH_NUMERATOR
        below = ROUGH_DENOMINATOR if self.is_paired else TANH_DENOMINATOR
        limited = self.at_least(self.at_most(value, TANH_LIMIT), -TANH_LIMIT)
        square = self.builder.fmul(limited, limited)
        numerator = self.builder.fmul(limited, self._polynomial(square, above))
        return self.builder.fdiv(numerator, self._polynomial(square, below))

    def exp(self, value: ir.Value) -> ir.Value:
        """Return the exponential of values up to zero, within 2e-7 of itself; clip values below -87."""
        limited = self.at_least(value, EXP_LOWEST)
        power = self._call("llvm.rint", self.builder.fmul(limited, self.constant(_LOG2_E)))
        rest = self.multiply_add(power, self.constant(-_LN2_HIGH), limited)
        rest = self.multiply_add(power, self.constant(-_LN2_LOW), rest)
        whole = self.builder.fptosi(power, self.whole)
        bits = self.builder.bitcast(self._polynomial(rest, EXP_POLYNOMIAL), self.whole)
        scaled = self.builder.add(bits, self.builder.shl(whole, self.words(23)))  # adds n to the exponent
        return self.builder.bitcast(scaled, self.vector)

    def repeat(
        self,
        start: ir.Value,
        stop: ir.Value,
        body: Callable[..., Sequence[ir.Value] | None],
        carried: Sequence[ir.Value] = (),
    ) -> Sequence[ir.Value]:
        """Run ``body(number, *carried)`` for each number from ``start`` up to, but not including, ``stop``.

        The body runs at least once. Its results are passed to the next iteration and returned after the last.
        """
        before, loop = self.builder.block, self.builder.append_basic_block()
        self.builder.branch(loop)
        self.builder.position_at_end(loop)
        number = self.builder.phi(INDEX)
        number.add_incoming(start, before)
        values = []
        for value in carried:
            values.append(self.builder.phi(value.type))
            values[-1].add_incoming(value, before)
        results = body(number, *values) or ()
        following = self.builder.add(number, index(1))
        for phi, result in zip([number, *values], [following, *results], strict=True):
            phi.add_incoming(result, self.builder.block)
        done = self.builder.append_basic_block()
        self.builder.cbranch(self.builder.icmp_unsigned("<", following, stop), loop, done)
        self.builder.position_at_end(done)
        return results

    def transposed(self, rows: Sequence[ir.Value]) -> list[ir.Value]:
        """Transpose as many vectors of bytes as there are lanes.

        Interleaving the first half of the rows with the second half, log2(count) times, transposes them.
        """
        half = self.count // 2
        low, high = (
            self._places(place + self.count * second for place in span for second in (0, 1))
            for span in (range(half), range(half, self.count))
        )
        columns = list(rows)
        for _ in range(self.count.bit_length() - 1):
            pairs = list(zip(columns[:half], columns[half:], strict=True))
            columns = [self.builder.shuffle_vector(*pair, mask) for pair in pairs for mask in (low, high)]
        return columns

    def _places(self, numbers: Iterable[int]) -> ir.Constant:
        return ir.Constant(self.whole, [ir.Constant(WORD, number) for number in numbers])

    def _polynomial(self, value: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        *others, result = [self.constant(coefficient) for coefficient in coefficients]
        for coefficient in reversed(others):
            result = self.multiply_add(result, value, coefficient)
        return result

    def _call(self, name: str, *values: ir.Value) -> ir.Value:
        signature = ir.FunctionType(self.vector, [self.vector] * len(values))
        return self.builder.call(self._declared(f"{name}.v{self.count}f32", signature), values)

    def _declared(self, name: str, signature: ir.FunctionType) -> ir.Function:
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, signature, name)

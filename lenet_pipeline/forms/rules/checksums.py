"""Check digits: the methods that identity, account and order numbers protect themselves with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from types import MappingProxyType

from lenet_pipeline.errors import IngestError, UnknownNameError

Holds = Callable[[Sequence[int], Sequence[int]], bool]  # the digits of a whole value, the weights

WEIGHTED = "weighted-mod-11"


@dataclass(frozen=True)
class CheckMethod:
    """How the last digits of a value follow from those before them.

    ``holds`` decides for a whole value; ``check_digits`` says how many of it are check digits. Weights,
    left to right, belong to ``weighted-mod-11`` alone: one for each digit of the value, its check digit
    included.
    """

    holds: Holds
    check_digits: int = 1

    def passes(self, value: str, weights: Sequence[int] = ()) -> bool:
        """Tell whether a value ends in the check digits that it should.

        False too for what cannot have any: other characters than 0 to 9, nothing before the check digits,
        another number of digits than of weights.
        """
        if not is_digits(value) or len(value) <= self.check_digits:
            return False
        return self.holds([int(digit) for digit in value], weights)

    def append_check(self, value: str, weights: Sequence[int] = ()) -> str | None:
        """Return a value with its check digits behind it; None where they would not be digits.

        Args:
            value: the digits before the check digits, at least one.
            weights: as for ``passes``.

        Raises:
            IngestError: the value is not digits, or not one fewer than the weights.
        """
        if not is_digits(value) or (weights and len(value) != len(weights) - 1):
            expected = f"{len(weights) - 1} digits" if weights else "at least one digit"
            raise IngestError(f"cannot append check digits to {value!r}; expected {expected}")
        # Downwards: of two that are the same modulo 97, ISO 7064 computes the higher, 02 to 98.
        highest = min(10**self.check_digits - 1, _HIGHEST_COMPUTED)
        checks = (f"{check:0{self.check_digits}d}" for check in range(highest, -1, -1))
        return next((value + check for check in checks if self.passes(value + check, weights)), None)


def is_digits(value: str) -> bool:
    """Tell whether a text is one or more of the digits 0 to 9 (and not those of another script)."""
    return value.isascii() and value.isdecimal()


def resolve_method(name: str, weights: Sequence[int] = ()) -> CheckMethod:
    """Return the method of a name, having made sure that it can work with the weights given.

    Raises:
        UnknownNameError: there is no such method.
        IngestError: weights are missing or check nothing, or are given where none belong.
    """
    if name not in CHECKSUMS:
        raise UnknownNameError("checksum", name, CHECKSUMS)
    if name != WEIGHTED and weights:
        raise IngestError(f"the checksum {name} takes no weights, found {list(weights)}; leave them out")
    if name == WEIGHTED and sum(weight % _ELEVEN != 0 for weight in weights) < _FEWEST_WEIGHTS:
        raise IngestError(
            f"the checksum {name} has weights {list(weights)}; expected one for each digit, left to right, "
            "the check digit's last, and at least two that are no multiple of 11"
        )
    return CHECKSUMS[name]


_ELEVEN = 11
_FEWEST_WEIGHTS = 2
_HIGHEST_COMPUTED = 98


def _holds_luhn(digits: Sequence[int], _weights: Sequence[int]) -> bool:
    """Luhn, US patent 2,950,048: every second digit from the right counts double, digit by digit."""
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _holds_mod_11_10(digits: Sequence[int], _weights: Sequence[int]) -> bool:
    """ISO/IEC 7064, hybrid system MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + digit) % 10 or 10) * 2 % _ELEVEN
    return (product + digits[-1]) % 10 == 1


def _holds_mod_97_10(digits: Sequence[int], _weights: Sequence[int]) -> bool:
    """ISO/IEC 7064, pure system MOD 97-10."""
    return int("".join(map(str, digits))) % 97 == 1


def _holds_verhoeff(digits: Sequence[int], _weights: Sequence[int]) -> bool:
    """Verhoeff, Error Detecting Decimal Codes (1969): a product in the dihedral group of the pentagon."""
    product = 0
    for place, digit in enumerate(reversed(digits)):
        product = _DIHEDRAL[product][_PERMUTED[place % len(_PERMUTED)][digit]]
    return product == 0


def _holds_weighted_mod_11(digits: Sequence[int], weights: Sequence[int]) -> bool:
    """Weighted modulo 11, as ISBN-10: the weighted sum, the check digit's weight included, divides by 11.

    A check of 10, which ISBN writes as X, is no digit: no value of digits passes with it.
    """
    if len(digits) != len(weights):
        return False
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % _ELEVEN == 0


def _multiply(left: int, right: int) -> int:
    """Multiply in the dihedral group of order 10: 0 to 4 turn the pentagon, 5 to 9 turn it over first."""
    sides = 5
    turned = (left + right if left < sides else left - right) % sides
    return turned + sides * ((left < sides) != (right < sides))


_DIHEDRAL = tuple(tuple(_multiply(left, right) for right in range(10)) for left in range(10))
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
# Row n is the permutation applied n times; the eighth time it is back at the start.
_PERMUTED = tuple(
    accumulate(
        repeat(_PERMUTATION, 7),
        lambda row, once: tuple(once[digit] for digit in row),
        initial=tuple(range(10)),
    )
)

CHECKSUMS: MappingProxyType[str, CheckMethod] = MappingProxyType(
    {
        "luhn": CheckMethod(_holds_luhn),
        "mod-11-10": CheckMethod(_holds_mod_11_10),
        "mod-97-10": CheckMethod(_holds_mod_97_10, check_digits=2),
        "verhoeff": CheckMethod(_holds_verhoeff),
        WEIGHTED: CheckMethod(_holds_weighted_mod_11),
    }
)

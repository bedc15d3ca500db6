"""Check digits: the methods that protect identity, account and order numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from types import MappingProxyType

from lenet_pipeline.errors import IngestError, UnknownNameError

Holds = Callable[[Sequence[int], Sequence[int]], bool]  # the digits of a whole value, and the weights

WEIGHTED = "weighted-mod-11"


@dataclass(frozen=True)
class CheckMethod:
    """A method that computes the last digits of a value from the digits before them.

    Only ``weighted-mod-11`` takes weights: one for each digit of the value, left to right, including the
    check digit.

    Attributes:
        holds: decides whether the digits of a whole value are consistent.
        check_digits: the number of check digits at the end of a value.
    """

    holds: Holds
    check_digits: int = 1

    def passes(self, value: str, weights: Sequence[int] = ()) -> bool:
        """Return whether a value ends in the right check digits.

        The result is also False if the value contains characters other than 0 to 9, has nothing before its
        check digits, or has a different number of digits than there are weights.
        """
        if not is_digits(value) or len(value) <= self.check_digits:
            return False
        return self.holds([int(digit) for digit in value], weights)

    def append_check(self, value: str, weights: Sequence[int] = ()) -> str | None:
        """Append the check digits to a value. Return None if no digits make it pass.

        Args:
            value: the digits before the check digits, at least one.
            weights: one for each digit, including the check digit; only for ``weighted-mod-11``.

        Raises:
            IngestError: the value contains other characters, or its length is not one less than the number
                of weights.
        """
        if not is_digits(value) or (weights and len(value) != len(weights) - 1):
            expected = f"{len(weights) - 1} digits" if weights else "at least one digit"
            raise IngestError(f"cannot append check digits to {value!r}; expected {expected}")
        # Count down, because ISO 7064 takes the higher of two checks that are equal modulo 97: 02 to 98.
        highest = min(10**self.check_digits - 1, _HIGHEST_COMPUTED)
        checks = (f"{check:0{self.check_digits}d}" for check in range(highest, -1, -1))
        return next((value + check for check in checks if self.passes(value + check, weights)), None)


def is_digits(value: str) -> bool:
    """Return whether a text consists of one or more ASCII digits, 0 to 9."""
    return value.isascii() and value.isdecimal()


def resolve_method(name: str, weights: Sequence[int] = ()) -> CheckMethod:
    """Return the method with a name, after checking that the weights suit it.

    Raises:
        UnknownNameError: the name is unknown.
        IngestError: weights are missing or check nothing, or the method takes no weights.
    """
    if name not in CHECKSUMS:
        raise UnknownNameError("checksum", name, CHECKSUMS)
    if name != WEIGHTED and weights:
        raise IngestError(
            f"the checksum {name} takes no weights, but the rule has {list(weights)}; remove them"
        )
    if name == WEIGHTED and sum(weight % _ELEVEN != 0 for weight in weights) < _FEWEST_WEIGHTS:
        raise IngestError(
            f"the checksum {name} has weights {list(weights)}; expected one for each digit, left to right, "
            "including the check digit, and at least two that are not multiples of 11"
        )
    return CHECKSUMS[name]


_ELEVEN = 11
_FEWEST_WEIGHTS = 2
_HIGHEST_COMPUTED = 98


def _holds_luhn(digits: Sequence[int], _weights: Sequence[int]) -> bool:
    """Luhn, US patent 2,950,048: double every second digit from the right and add up all resulting digits."""
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
        product = dihedral_product(product, permuted_digit(place, digit))
    return product == 0


def _holds_weighted_mod_11(digits: Sequence[int], weights: Sequence[int]) -> bool:
    """Weighted modulo 11, as in ISBN-10: the weighted sum of all digits is a multiple of 11.

    A check of 10, which ISBN writes as X, is not a digit, so no value of digits can pass with it.
    """
    if len(digits) != len(weights):
        return False
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % _ELEVEN == 0


def _multiply(left: int, right: int) -> int:
    """Multiply in the dihedral group of order 10: 0 to 4 are rotations, 5 to 9 are reflections."""
    sides = 5
    turned = (left + right if left < sides else left - right) % sides
    return turned + sides * ((left < sides) != (right < sides))


_DIHEDRAL = tuple(tuple(_multiply(left, right) for right in range(10)) for left in range(10))
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
# Row n is the permutation applied n times. Eight applications give the identity.
_PERMUTED = tuple(
    accumulate(
        repeat(_PERMUTATION, 7),
        lambda row, once: tuple(once[digit] for digit in row),
        initial=tuple(range(10)),
    )
)


def permuted_digit(place: int, digit: int) -> int:
    """Return Verhoeff's permutation of a digit at a place from the right, from 0."""
    return _PERMUTED[place % len(_PERMUTED)][digit]


def dihedral_product(left: int, right: int) -> int:
    """Return the product of two elements, 0 to 9, of the dihedral group of the pentagon."""
    return _DIHEDRAL[left][right]


CHECKSUMS: MappingProxyType[str, CheckMethod] = MappingProxyType(
    {
        "luhn": CheckMethod(_holds_luhn),
        "mod-11-10": CheckMethod(_holds_mod_11_10),
        "mod-97-10": CheckMethod(_holds_mod_97_10, check_digits=2),
        "verhoeff": CheckMethod(_holds_verhoeff),
        WEIGHTED: CheckMethod(_holds_weighted_mod_11),
    }
)

"""Check digits: published numbers pass, and every single-digit error is found."""

from __future__ import annotations

import itertools
import random

import pytest

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.forms.rules.checksums import CHECKSUMS, resolve_method

ISBN = tuple(range(10, 0, -1))
METHODS = sorted(CHECKSUMS)
CHANGED_BY_ONE_DIGIT = 9  # the other values of one digit

PUBLISHED = [
    ("luhn", "79927398713"),  # the usual worked example of US patent 2,950,048
    ("luhn", "17893729974"),  # the example of ISO/IEC 7812-1
    ("luhn", "4111111111111111"),  # a card number for tests
    ("mod-11-10", "07945"),  # the example 0794 in ISO/IEC 7064
    ("mod-11-10", "794623"),
    ("mod-11-10", "002006673085"),
    ("mod-11-10", "86095742719"),  # an example from the published procedure for German tax numbers
    ("mod-11-10", "33392005961"),  # a Croatian personal number
    ("mod-97-10", "79444"),  # the example 794 in ISO/IEC 7064
    ("mod-97-10", "9999123456789012141490"),
    ("mod-97-10", "08686001256515001121751"),
    ("verhoeff", "2363"),  # worked example for 236, with Verhoeff's tables
    ("verhoeff", "123451"),
    ("verhoeff", "1428570"),
]
WEIGHTED = [
    (ISBN, "0306406152"),  # the example of ISBN-10
    (ISBN, "9434765919"),  # a British patient number: the same weights
    ((9, 8, 7, 6, 5, 4, 3, 2, -1), "111222333"),  # a Dutch citizen number for tests
]


def weights_of(method: str) -> tuple[int, ...]:
    """Return the weights for a value of ten digits, if the method takes any."""
    return ISBN if method == "weighted-mod-11" else ()


def valid_values(method: str, count: int) -> list[str]:
    """Return random values of nine digits plus check digits, skipping those without valid check digits."""
    rng = random.Random(method)  # noqa: S311 - not for security
    payloads = (f"{rng.randrange(10**9):09d}" for _ in itertools.count())
    valid = (CHECKSUMS[method].append_check(payload, weights_of(method)) for payload in payloads)
    return list(itertools.islice((value for value in valid if value is not None), count))


@pytest.mark.parametrize(("method", "value"), PUBLISHED)
def test_published_number_passes_and_its_check_digits_are_computed(method: str, value: str) -> None:
    payload = value[: -CHECKSUMS[method].check_digits]
    assert CHECKSUMS[method].passes(value)
    assert CHECKSUMS[method].append_check(payload) == value


@pytest.mark.parametrize(("weights", "value"), WEIGHTED)
def test_published_weighted_number_passes_and_its_check_digit_is_computed(
    weights: tuple[int, ...], value: str
) -> None:
    method = resolve_method("weighted-mod-11", weights)
    assert method.passes(value, weights)
    assert method.append_check(value[:-1], weights) == value


@pytest.mark.parametrize("method", METHODS)
def test_every_single_digit_error_is_found(method: str) -> None:
    weights = weights_of(method)
    for value in valid_values(method, 20):
        assert CHECKSUMS[method].passes(value, weights)
        changed = [
            value[:place] + digit + value[place + 1 :]
            for place in range(len(value))
            for digit in "0123456789"
            if digit != value[place]
        ]
        assert len(changed) == CHANGED_BY_ONE_DIGIT * len(value)
        assert not any(CHECKSUMS[method].passes(wrong, weights) for wrong in changed)


@pytest.mark.parametrize("method", ["mod-97-10", "verhoeff", "weighted-mod-11"])
def test_every_swap_of_neighbours_is_found(method: str) -> None:
    weights = weights_of(method)
    for value in valid_values(method, 50):
        for place in range(len(value) - 1):
            if value[place] != value[place + 1]:
                swapped = value[:place] + value[place + 1] + value[place] + value[place + 2 :]
                assert not CHECKSUMS[method].passes(swapped, weights)


@pytest.mark.parametrize("method", ["luhn", "mod-11-10", "verhoeff"])
def test_exactly_one_check_digit_fits_each_number(method: str) -> None:
    for payload in range(1000):
        suiting = [digit for digit in "0123456789" if CHECKSUMS[method].passes(f"{payload:03d}{digit}")]
        assert len(suiting) == 1


def test_mod_97_10_computes_02_to_98_as_the_standard_does() -> None:
    checks = {CHECKSUMS["mod-97-10"].append_check(f"{payload:04d}")[-2:] for payload in range(1000)}  # type: ignore[index]
    assert checks == {f"{check:02d}" for check in range(2, 99)}


def test_no_value_passes_if_the_check_is_ten() -> None:
    isbn_with_x = "080442957"  # ISBN 0-8044-2957-X
    method = CHECKSUMS["weighted-mod-11"]
    assert method.append_check(isbn_with_x, ISBN) is None
    assert not any(method.passes(isbn_with_x + digit, ISBN) for digit in "0123456789")
    assert not method.passes(isbn_with_x + "X", ISBN)


@pytest.mark.parametrize("value", ["", "0", "00 0", "-18", "1?8", "١٨", "1²8"])
def test_value_that_is_too_short_or_not_digits_never_passes(value: str) -> None:
    assert not any(method.passes(value, (2, 1)) for method in CHECKSUMS.values())


def test_value_with_a_different_length_than_the_weights_never_passes() -> None:
    method = CHECKSUMS["weighted-mod-11"]
    assert method.passes("00", (2, 1))
    assert not method.passes("000", (2, 1))
    assert not method.passes("00", (3, 2, 1))


def test_appending_to_an_invalid_value_reports_what_was_expected() -> None:
    with pytest.raises(IngestError, match=r"'12a'; expected at least one digit"):
        CHECKSUMS["luhn"].append_check("12a")
    with pytest.raises(IngestError, match=r"'12'; expected 9 digits"):
        CHECKSUMS["weighted-mod-11"].append_check("12", ISBN)


def test_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="luhn, mod-11-10, mod-97-10, verhoeff, weighted-mod-11"):
        resolve_method("crc32")


@pytest.mark.parametrize("weights", [(), (3,), (11, 22, 1)])
def test_weights_that_check_nothing_are_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(IngestError, match="expected one for each digit"):
        resolve_method("weighted-mod-11", weights)


def test_weights_for_a_method_that_takes_none_are_refused() -> None:
    with pytest.raises(IngestError, match="luhn takes no weights"):
        resolve_method("luhn", (2, 1))

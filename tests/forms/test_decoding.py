"""Tests of decoding: the results equal those of an exhaustive search, and every correction is reported."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from lenet_pipeline.forms.rules.checksums import CHECKSUMS
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.values.decoding import decode

Probabilities = NDArray[np.float64]

RULES: list[tuple[Rule, ...]] = [
    (Checksum("luhn"),),
    (Checksum("verhoeff"), Pattern("[1-9].*")),
    (Range(highest=55), Checksum("mod-11-10")),
    (OneOf(("7", "07", "12", "345", "346", "0000", "1234", "9876")),),
    (OneOf(("12", "18", "345", "1230", "1234")), Checksum("luhn")),
    (Range(3, 4), Length(1, 4)),
    (Checksum("weighted-mod-11", (4, 3, 2, 1)),),
    (Pattern("[02468]*"), Range(lowest=5)),
]


@dataclass(frozen=True)
class Prefix:
    """A rule of a kind that decoding knows nothing of."""

    prefix: str

    @property
    def name(self) -> str:
        return f"begins with {self.prefix}"

    def accepts(self, value: str) -> bool:
        return value.startswith(self.prefix)


def draw(rng: np.random.Generator, length: int, sureness: float) -> Probabilities:
    """Random probabilities of so many digits; the surer, the nearer to one."""
    scores = np.exp(rng.normal(size=(length, 10)) * sureness)
    return scores / scores.sum(axis=1, keepdims=True)


def sure_of(value: str, doubts: dict[int, tuple[str, float]] | None = None) -> Probabilities:
    """Probabilities of one value, with a second choice at some places; all other classes have none."""
    rows = np.eye(10)[[int(digit) for digit in value]]
    for place, (second, probability) in (doubts or {}).items():
        rows[place] *= 1 - probability
        rows[place, int(second)] = probability
    return rows


def enumerate_passing(probabilities: Probabilities, rules: tuple[Rule, ...]) -> list[tuple[float, str]]:
    """All strings that pass, the most probable first: the long way."""
    strings = map("".join, itertools.product("0123456789", repeat=len(probabilities)))
    return sorted(
        (
            (math.prod(row[int(digit)] for row, digit in zip(probabilities, string, strict=True)), string)
            for string in strings
            if all(rule.accepts(string) for rule in rules)
        ),
        reverse=True,
    )


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_decoding_finds_what_trying_every_string_finds(rules: tuple[Rule, ...], length: int) -> None:
    rng = np.random.default_rng([length, len(rules[0].name)])
    for sureness in (0.3, 1.0, 3.0):
        probabilities = draw(rng, length, sureness)
        passing = enumerate_passing(probabilities, rules)
        decoded = decode(probabilities, rules)
        raw = "".join(map(str, probabilities.argmax(axis=1)))
        assert decoded.raw_value == raw
        assert decoded.raw_probability == pytest.approx(math.prod(probabilities.max(axis=1)))
        assert decoded.broken_rules == tuple(rule.name for rule in rules if not rule.accepts(raw))
        assert decoded.is_valid is bool(passing)
        if passing:
            best, value = passing[0]
            exact = best / sum(probability for probability, _ in passing)
            assert (decoded.value, decoded.probability) == (value, pytest.approx(best))
            assert 0 < decoded.posterior <= exact * (1 + 1e-9)
        else:
            assert (decoded.value, decoded.posterior) == (raw, 0.0)


def test_posterior_is_within_a_hundredth_of_the_exact_one_when_few_digits_are_in_doubt() -> None:
    rules = (Checksum("luhn"),)
    for seed in range(20):
        probabilities = draw(np.random.default_rng(seed), 4, 6.0)
        passing = enumerate_passing(probabilities, rules)
        exact = passing[0][0] / sum(probability for probability, _ in passing)
        assert decode(probabilities, rules).posterior == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("sureness", [0.3, 1.0, 3.0])
def test_posterior_of_digits_in_doubt_is_exact(sureness: float) -> None:
    for rules in (
        (Checksum("luhn"),),
        (Checksum("mod-97-10"),),
        (Range(1200, 7000), Pattern("[1-9]*[02468]")),
    ):
        probabilities = draw(np.random.default_rng(7), 4, sureness)
        passing = enumerate_passing(probabilities, rules)
        exact = passing[0][0] / sum(probability for probability, _ in passing)
        assert decode(probabilities, rules).posterior == pytest.approx(exact, rel=0.011)


def test_rule_of_an_unknown_kind_is_searched_for_all_the_same() -> None:
    decoded = decode(draw(np.random.default_rng(1), 3, 1.0), (Prefix("90"),))
    assert decoded.value.startswith("90")
    assert decoded.is_valid
    assert decoded.broken_rules == ("begins with 90",)


def test_strings_are_tried_in_the_order_of_their_probability_each_once() -> None:
    tried: list[str] = []

    class Listening:
        name = "never"

        def accepts(self, value: str) -> bool:
            tried.append(value)
            return False

    probabilities = draw(np.random.default_rng(3), 3, 1.5)
    decoded = decode(probabilities, (Listening(),))
    expected = [string for _, string in enumerate_passing(probabilities, ())]
    assert tried[1:] == expected  # the first is the raw value, asked which rules it breaks
    assert (decoded.tried, decoded.is_valid) == (1000, False)


def test_misread_digit_is_corrected_by_the_checksum_with_a_reason() -> None:
    decoded = decode(sure_of("79927398113", {8: ("7", 0.4), 2: ("4", 0.01)}), (Checksum("luhn"),))
    assert (decoded.raw_value, decoded.value) == ("79927398113", "79927398713")
    assert decoded.is_corrected
    assert decoded.is_valid
    assert decoded.broken_rules == ("luhn",)
    assert decoded.raw_probability == pytest.approx(0.6 * 0.99)
    assert decoded.probability == pytest.approx(0.4 * 0.99)
    assert decoded.posterior == pytest.approx(1.0)  # of the four strings there are, no other passes


def test_two_equally_good_corrections_halve_the_posterior() -> None:
    other = CHECKSUMS["luhn"].append_check("7992739811")
    assert other is not None
    doubts = {8: ("7", 0.1), 10: (other[-1], 0.1)}
    decoded = decode(sure_of("79927398113", doubts), (Checksum("luhn"),))
    assert decoded.value in {"79927398713", other}
    assert decoded.posterior == pytest.approx(0.5)


def test_value_that_passes_is_never_changed() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        value = CHECKSUMS["verhoeff"].append_check(f"{rng.integers(10**7):07d}")
        assert value is not None
        decoded = decode(0.5 * sure_of(value) + 0.05, (Checksum("verhoeff"), Length(8, 8)))
        assert (decoded.value, decoded.is_corrected, decoded.broken_rules) == (value, False, ())
        assert decoded.probability == decoded.raw_probability


def test_every_correction_breaks_a_rule_that_is_named() -> None:
    rules = (Checksum("luhn"), Range(100, 899), Pattern(".*[^0]"))
    seen = set()
    for seed in range(200):
        decoded = decode(draw(np.random.default_rng(seed), 3, 1.0), rules)
        seen.add(decoded.is_corrected)
        assert decoded.is_corrected is bool(decoded.broken_rules)
        assert set(decoded.broken_rules) == {
            rule.name for rule in rules if not rule.accepts(decoded.raw_value)
        }
        assert all(rule.accepts(decoded.value) for rule in rules)
        assert decoded.probability <= decoded.raw_probability
    assert seen == {True, False}


def test_without_rules_every_string_passes_so_the_posterior_is_the_probability() -> None:
    decoded = decode(sure_of("12", {0: ("7", 0.25)}))
    assert (decoded.value, decoded.is_valid, decoded.tried) == ("12", True, 0)
    assert decoded.posterior == decoded.probability == 0.75


@pytest.mark.parametrize(
    "rule",
    [Length(4, 6), OneOf(("12", "1234")), Range(lowest=1000), Checksum("weighted-mod-11", (4, 3, 2, 1))],
)
def test_length_that_no_value_of_the_rule_has_is_not_searched_for(rule: Rule) -> None:
    decoded = decode(draw(np.random.default_rng(0), 3, 1.0), (rule,))
    assert (decoded.value, decoded.is_valid, decoded.tried) == (decoded.raw_value, False, 0)
    assert decoded.broken_rules == (rule.name,)


@dataclass(frozen=True)
class Exactly:
    """A rule of a kind without an automaton, which one value passes."""

    value: str
    name: str = "exactly"

    def accepts(self, value: str) -> bool:
        return value == self.value


def test_search_stops_after_as_many_as_it_may_try_and_keeps_the_raw_value() -> None:
    probabilities = draw(np.random.default_rng(0), 6, 0.5)
    far = "".join(map(str, probabilities.argmin(axis=1)))
    decoded = decode(probabilities, (Exactly(far),), most_tried=50)
    assert (decoded.tried, decoded.is_valid, decoded.value) == (50, False, decoded.raw_value)
    assert decoded.posterior == 0


def test_automaton_finds_the_least_probable_string_of_a_million_that_only_passes() -> None:
    probabilities = draw(np.random.default_rng(0), 6, 0.5)
    far = "".join(map(str, probabilities.argmin(axis=1)))
    decoded = decode(probabilities, (Pattern(far),), most_tried=50)
    assert (decoded.value, decoded.is_valid, decoded.posterior) == (far, True, pytest.approx(1))
    assert decoded.probability == pytest.approx(math.prod(probabilities.min(axis=1)))


def test_listed_value_is_found_even_if_improbable() -> None:
    probabilities = draw(np.random.default_rng(0), 8, 1.0)
    far = "".join(map(str, probabilities.argmin(axis=1)))
    decoded = decode(probabilities, (OneOf((far, "123")),), most_tried=1)
    assert (decoded.value, decoded.is_valid, decoded.posterior) == (far, True, pytest.approx(1))


def test_string_without_probability_is_never_proposed() -> None:
    for rule in (Pattern("12[^3]"), OneOf(("124", "999"))):
        decoded = decode(sure_of("123", {0: ("9", 0.1)}), (rule,))
        assert (decoded.value, decoded.is_valid) == ("123", False)


def test_raw_value_that_passes_stays_though_rounding_makes_another_as_probable() -> None:
    probabilities = np.zeros((2, 10))
    lower, higher = 0.4, np.nextafter(0.4, 1)
    probabilities[0, :3] = lower, higher, 1 - lower - higher
    probabilities[1, :2] = 0.8, 0.2
    assert lower * 0.8 == higher * 0.8
    decoded = decode(probabilities, (OneOf(("00", "10")),))
    assert (decoded.raw_value, decoded.value, decoded.is_corrected) == ("10", "10", False)


def test_equally_probable_strings_give_the_same_answer_every_time() -> None:
    probabilities = np.full((4, 10), 0.1)
    answers = {decode(probabilities, (Checksum("luhn"), Range(lowest=1))).value for _ in range(5)}
    assert len(answers) == 1
    assert decode(probabilities, (Checksum("luhn"),)).value == "0000"


def test_forty_digits_with_a_checksum_are_decoded_in_few_tries() -> None:
    value = CHECKSUMS["mod-97-10"].append_check("1234567890" * 3 + "12345678")
    assert value is not None
    wrong = value[:20] + str((int(value[20]) + 3) % 10) + value[21:]
    decoded = decode(
        sure_of(wrong, {20: (value[20], 0.2), 3: ("0", 0.1), 31: ("0", 0.1)}), (Checksum("mod-97-10"),)
    )
    assert (decoded.value, decoded.tried) == (value, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((0, 10)),
        np.full((2, 9), 1 / 9),
        np.full(10, 0.1),
        np.full((2, 10), 0.2),
        np.full((2, 10), np.nan),
        np.array([[1.5, -0.5] + [0.0] * 8]),
    ],
)
def test_invalid_probabilities_are_refused(wrong: Probabilities) -> None:
    with pytest.raises(ValueError, match="expected probabilities"):
        decode(wrong)


def test_search_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one string to try"):
        decode(sure_of("1"), most_tried=0)

"""The table of published results is consistent, and comparisons follow its rules."""

from __future__ import annotations

import pytest

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.network.architectures import build_network, count_parameters, find_architecture
from lenet_pipeline.training.recipes import find_recipe
from lenet_pipeline.training.reproduction.published import (
    PUBLISHED,
    choose_published,
    compare_with_published,
    quick_epochs,
)

ALL_DIGITS = 60_000


@pytest.mark.parametrize("result", PUBLISHED.values(), ids=PUBLISHED)
def test_each_row_matches_an_architecture_and_a_recipes_epochs(result):
    assert find_architecture(result.architecture)
    assert find_recipe(result.recipe).epochs == result.epochs
    assert quick_epochs(result) == result.epochs // 5
    if result.accuracies_pct:
        assert len(result.accuracies_pct) == result.epochs
        assert result.accuracies_pct[-1] == result.accuracy_pct
    assert result.differs
    assert result.accuracy_pct or result.above_pct, "there must be something to stand beside"


def test_the_rows_of_two_activations_differ_only_in_activation_and_pooling():
    relu = PUBLISHED["lenet5-relu+keras-sgd"]
    assert relu.above
    tanh = PUBLISHED[relu.above]
    assert (tanh.recipe, tanh.epochs) == (relu.recipe, relu.epochs)
    sizes = []
    for row in (tanh, relu):
        weights = {
            name: weight.shape for name, weight in build_network(row.architecture).state_dict().items()
        }
        padding_px = find_architecture(row.architecture).padding_px
        sizes.append((weights, padding_px, count_parameters(build_network(row.architecture))))
    assert sizes[0] == sizes[1]
    assert sizes[0][1:] == (2, 61_706)


def test_rows_are_chosen_by_name_in_table_order():
    assert choose_published([]) == tuple(PUBLISHED.values())
    chosen = choose_published(["lenet5+paper-distorted", "lenet5+paper"])
    assert [result.name for result in chosen] == ["lenet5+paper", "lenet5+paper-distorted"]
    with pytest.raises(UnknownNameError, match="no published row 'lenet6'; available: lenet-3x3"):
        choose_published(["lenet6"])


@pytest.mark.parametrize(
    ("accuracy", "is_reproduced", "reason"),
    [
        (99.15, True, "above the published accuracy"),
        (99.05, True, "equal to the published accuracy"),
        (98.55, True, "within 0.5 points"),
        (98.54, False, "more than 0.5 points below"),
    ],
)
def test_a_row_is_reproduced_up_to_half_a_point_below(accuracy, is_reproduced, reason):
    compared = compare_with_published(PUBLISHED["lenet5+paper"], [accuracy] * 20, None, ALL_DIGITS)
    assert (compared.is_reproduced, compared.reason) == (is_reproduced, reason)
    assert compared.difference_points == pytest.approx(accuracy - 99.05)


def test_fewer_epochs_and_digits_are_reported():
    compared = compare_with_published(PUBLISHED["lenet5+paper"], [90, 98.0], None, 1_000)
    assert compared.reason == ("2 of 20 epochs (--quick); 1,000 of 60,000 digits; more than 0.5 points below")


@pytest.mark.parametrize(
    ("accuracy", "other_pct", "is_reproduced", "reason"),
    [
        (95.8, 95.7, True, "above lenet5-softmax+keras-sgd (95.70 %)"),
        (96.5, 96.5, False, "not above lenet5-softmax+keras-sgd (96.50 %)"),
        (96.1, None, True, "above the published lenet5-softmax+keras-sgd (96.00 %)"),
        (96.0, None, False, "not above the published lenet5-softmax+keras-sgd (96.00 %)"),
    ],
)
def test_a_row_without_a_published_accuracy_must_exceed_another_row(
    accuracy, other_pct, is_reproduced, reason
):
    relu = PUBLISHED["lenet5-relu+keras-sgd"]
    compared = compare_with_published(relu, [accuracy] * 20, other_pct, ALL_DIGITS)
    assert (compared.is_reproduced, compared.reason) == (is_reproduced, reason)
    assert compared.difference_points is None


@pytest.mark.parametrize(
    ("accuracy", "other_pct", "is_reproduced", "reason"),
    [
        (99.1, 99.0, True, "within 0.5 points; above lenet5+paper (99.00 %)"),
        (99.1, 99.1, False, "within 0.5 points; not above lenet5+paper (99.10 %)"),
        (98.6, 98.5, False, "more than 0.5 points below; above lenet5+paper (98.50 %)"),
        (99.1, None, True, "within 0.5 points; above the published lenet5+paper (99.05 %)"),
    ],
)
def test_the_distorted_row_must_reach_its_accuracy_and_exceed_the_plain_row(
    accuracy, other_pct, is_reproduced, reason
):
    distorted = PUBLISHED["lenet5+paper-distorted"]
    compared = compare_with_published(distorted, [accuracy] * 20, other_pct, ALL_DIGITS)
    assert (compared.is_reproduced, compared.reason) == (is_reproduced, reason)
    assert compared.difference_points == pytest.approx(accuracy - 99.2)

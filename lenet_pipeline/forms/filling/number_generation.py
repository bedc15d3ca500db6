"""Choose where the separator and the sign of generated values stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lenet_pipeline.forms.filling.linked_values import capacity
from lenet_pipeline.forms.rules.across_rules import rule_fields
from lenet_pipeline.forms.rules.digit_rules import rules_for_digits
from lenet_pipeline.forms.rules.field_rules import Impossible, Length
from lenet_pipeline.forms.rules.numerals import PLAIN, NumberForm
from lenet_pipeline.forms.templates.model import Cells, Field, Template
from lenet_pipeline.forms.templates.number_formats import WHOLE_NUMBERS

_USUAL_PLACES = 2  # if the template does not limit them
_NEGATIVE_SHARE = 0.4  # of the values that may be negative


def choose_forms(template: Template, rng: np.random.Generator) -> dict[str, NumberForm]:
    """Return a form for the value of each field, by name.

    A field always has the same number of places, so that sums keep theirs. The fields of rules across
    fields get no minus.
    """
    linked = {name for rule in template.rules for name in rule_fields(rule)}
    return {field.name: _choose_form(field, field.name in linked, rng) for field in template.fields}


def _choose_form(field: Field, is_linked: bool, rng: np.random.Generator) -> NumberForm:
    numbers = field.numbers
    if numbers.is_plain:
        return PLAIN
    places = 0
    if numbers.separator is not None:
        most = (
            max(numbers.fewest_places, _USUAL_PLACES) if numbers.most_places is None else numbers.most_places
        )
        places = min(most, capacity(field)[1] - 1)
    form = NumberForm(places or None)
    if numbers.may_be_negative and not is_linked and rng.random() < _NEGATIVE_SHARE:
        negative = replace(form, is_negative=True)
        rules = rules_for_digits(field.rules, negative)
        return form if any(isinstance(rule, Impossible) for rule in rules) else negative
    return form


def digits_field(field: Field, form: NumberForm) -> Field:
    """Return a field whose values are the digits of values of one form."""
    if field.numbers.is_plain:
        return field
    fewest, most = capacity(field)
    takes_cell = form.is_negative and isinstance(field.place, Cells)  # the minus does
    length = Length(max(fewest, (form.places or 0) + 1), most - takes_cell)
    return replace(field, rules=(*rules_for_digits(field.rules, form), length), numbers=WHOLE_NUMBERS)


def write_values(digits: Mapping[str, str], forms: Mapping[str, NumberForm]) -> dict[str, str]:
    """Return values in normal form from their digits; a blank value stays blank."""
    return {name: forms[name].write(value) if value else "" for name, value in digits.items()}

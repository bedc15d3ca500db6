"""The decimal separator and the sign that writers may put into a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lenet_pipeline.forms.rules.numerals import NumberForm
from lenet_pipeline.forms.templates.schema_parts import END, Schema, choice

Separator = Literal["comma", "point", "either"]

MOST_PLACES = 20


@dataclass(frozen=True)
class NumberFormat:
    """The numbers that writers put into a field. The default is whole numbers without a sign.

    Attributes:
        separator: the decimal separator, or None if the field has none.
        fewest_places: the smallest number of decimal places.
        most_places: the largest number of decimal places, or None without a limit.
        may_be_negative: whether a minus may precede the digits.
    """

    separator: Separator | None = None
    fewest_places: int = 0
    most_places: int | None = None
    may_be_negative: bool = False

    @property
    def is_plain(self) -> bool:
        """Return whether values are digits alone."""
        return self.separator is None and not self.may_be_negative

    @property
    def name(self) -> str:
        """Return the format in a few words, such as ``2 decimal places`` or ``no minus``."""
        return ", ".join(filter(None, (self._places_name, "" if self.may_be_negative else "no minus")))

    @property
    def _places_name(self) -> str:
        fewest, most = self.fewest_places, self.most_places
        if self.separator is None:
            return "no decimal places"
        if most is None:
            return f"at least {fewest} decimal places" if fewest else "digits with or without decimal places"
        count = str(most) if fewest == most else f"{fewest} to {most}"
        return f"{count} decimal place{'' if count == '1' else 's'}"

    def allows_ink(self, kind: str) -> bool:
        """Return whether ink of a kind, ``comma``, ``point`` or ``minus``, is part of the value."""
        if kind == "minus":
            return self.may_be_negative
        return self.separator is not None and self.separator in (kind, "either")

    def allows(self, form: NumberForm) -> bool:
        """Return whether values may have this form."""
        places = form.places or 0
        if form.is_negative and not self.may_be_negative:
            return False
        if self.separator is None:
            return places == 0
        return places >= self.fewest_places and (self.most_places is None or places <= self.most_places)


WHOLE_NUMBERS = NumberFormat()


def decimals_schema() -> Schema:
    """Return the JSON Schema of the setting ``decimals``."""
    place = {
        "description": f"a whole number, 0 to {MOST_PLACES}",
        "type": "integer",
        "minimum": 0,
        "maximum": MOST_PLACES,
    }
    return {
        "description": "comma, point or either: the decimal separator that writers put into the field; or a "
        "mapping such as {separator: comma, places: 2}",
        "type": ["string", "object"],
        "pattern": f"^(comma|point|either){END}",
        "additionalProperties": False,
        "required": ["separator"],
        "properties": {
            "separator": choice("the decimal separator", ["comma", "point", "either"]),
            "places": {
                "description": "the number of decimal places, such as 2, or the smallest and largest number, "
                "such as [0, 2]",
                "type": ["integer", "array"],
                "minimum": 0,
                "maximum": MOST_PLACES,
                "items": place,
                "minItems": 2,
                "maxItems": 2,
            },
        },
    }


def sign_schema() -> Schema:
    """Return the JSON Schema of the setting ``sign``."""
    return choice(
        "whether a minus may stand left of the digits", ["allowed", "forbidden"], default="forbidden"
    )

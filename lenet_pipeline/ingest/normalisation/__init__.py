"""Normalisation: convert a grey picture of one digit to 28x28, as MNIST did.

LeCun, Bottou, Bengio and Haffner (1998), section III-A: the digit is scaled to fit a 20x20 box, keeping its
aspect ratio, with anti-aliasing. It is then placed in a 28x28 field by its centre of mass. An MNIST digit
that is saved as a picture, in either polarity, is returned unchanged.
"""

from lenet_pipeline.ingest.normalisation.digit import NormalisedDigit, Pixels, normalise_digit
from lenet_pipeline.ingest.normalisation.placing import place_ink

__all__ = ["NormalisedDigit", "Pixels", "normalise_digit", "place_ink"]

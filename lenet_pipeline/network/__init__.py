"""The networks: LeNet-5 as published in 1998, and its well-known variants, layer by layer.

The layers follow section II.B and appendix A of LeCun et al. (1998). This room needs only torch and numpy.
"""

from lenet_pipeline.network.architectures import (
    ARCHITECTURES,
    DigitNetwork,
    build_network,
    count_parameters,
    find_architecture,
)
from lenet_pipeline.network.bitmaps import digit_bitmaps
from lenet_pipeline.network.fused_forward import fuse_forward
from lenet_pipeline.network.layer_tables import describe_layers, paper_name
from lenet_pipeline.network.layers import (
    Activation,
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Pooling,
    Rectifier,
    Subsampling,
    is_plain,
)
from lenet_pipeline.network.single_pattern import SinglePattern

__all__ = [
    "ARCHITECTURES",
    "Activation",
    "AveragePooling",
    "DigitNetwork",
    "EuclideanRadialBasis",
    "MaximumPooling",
    "PartialConvolution",
    "Pooling",
    "Rectifier",
    "SinglePattern",
    "Subsampling",
    "build_network",
    "count_parameters",
    "describe_layers",
    "digit_bitmaps",
    "find_architecture",
    "fuse_forward",
    "is_plain",
    "paper_name",
]

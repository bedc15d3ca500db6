"""The networks: LeNet-5 as published in 1998, and its well-known variants, layer by layer.

The layers follow sections II.B and III of LeCun et al. (1998). This room imports with torch and numpy alone.
"""

from lenet_pipeline.network.architectures import (
    ARCHITECTURES,
    DigitNetwork,
    build_network,
    count_parameters,
    find_architecture,
)
from lenet_pipeline.network.bitmaps import digit_bitmaps
from lenet_pipeline.network.fused_forward import fused
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
from lenet_pipeline.network.single_pattern import OnePattern

__all__ = [
    "ARCHITECTURES",
    "Activation",
    "AveragePooling",
    "DigitNetwork",
    "EuclideanRadialBasis",
    "MaximumPooling",
    "OnePattern",
    "PartialConvolution",
    "Pooling",
    "Rectifier",
    "Subsampling",
    "build_network",
    "count_parameters",
    "describe_layers",
    "digit_bitmaps",
    "find_architecture",
    "fused",
    "is_plain",
    "paper_name",
]

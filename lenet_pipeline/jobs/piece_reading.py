"""Score pieces of touching digits while pages are read, so that a network chooses the cuts between them.

This is always the packaged network: the digits of a page depend on the release, never on the champion.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lenet_pipeline.schema import Images

if TYPE_CHECKING:
    from lenet_pipeline.scoring import Engine, Scores


def read_pieces(images: Images) -> Scores:
    """Score images, uint8 (n, 28, 28), with one thread. The first call in a process loads the network.

    Raises:
        RegistryError: a file of the package is missing or malformed.
    """
    return _load_engine().score(images)


@cache
def _load_engine() -> Engine:
    # Only here, because it imports torch, which pages without boxes do not need.
    from lenet_pipeline.registry import load_packaged_engine

    return load_packaged_engine()

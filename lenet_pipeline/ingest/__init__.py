"""Ingest: read digits from MNIST, other IDX files, optdigits, UNIPEN, image files and fonts into tables.

An input that cannot be read becomes a reject with its reason. It never stops the other inputs.
"""

import lazy_loader

# __init__.pyi lists the names. Each one is imported on first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

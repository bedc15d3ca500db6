"""Ingest: where digits come from. MNIST, optdigits, image files and fonts become tables of digits.

An input that cannot be read becomes a reject with its reason; it never stops the other inputs.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

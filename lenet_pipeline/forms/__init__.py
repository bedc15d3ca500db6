"""Forms: a scanned page to the digits in its cells, and these digits to the values of its fields.

A page moves through these folders: ``documents`` opens the file, ``alignment`` finds which form the page is
and how it lies, ``reading`` locates cells and cuts digits. After scoring, ``values`` builds field values
under the ``rules`` of the template. ``templates`` reads and drafts templates, ``filling`` makes
test scans whose values are known, and ``drawing`` makes pictures for people.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

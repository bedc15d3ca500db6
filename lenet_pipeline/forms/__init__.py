"""Read scanned forms: from pages to digits, and from digits to field values.

A page passes through these folders in order: ``documents`` opens the file, ``alignment`` aligns the page with
the template that it matches, and ``reading`` locates cells and cuts out digits. After scoring, ``values``
assembles field values under the ``rules`` of the template. ``templates`` reads and drafts templates,
``filling`` generates test scans with known values, and ``drawing`` draws pages for people to look at.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

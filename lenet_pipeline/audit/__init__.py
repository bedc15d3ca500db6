"""Audit: policies, promotions, reviews, drift, verification, evidence and reports.

Each module answers one kind of question or records one kind of decision. The data comes from the warehouse,
the lake and the registry.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

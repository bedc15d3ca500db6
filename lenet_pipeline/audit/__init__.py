"""Audit: what an auditor relies on, from policies and promotions to evidence, reports and verification.

Each module answers one kind of question, or records one kind of decision, from the warehouse, the lake and
the registry.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

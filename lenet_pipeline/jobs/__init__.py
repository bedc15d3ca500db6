"""Jobs: plain functions that do the work of each command from start to end, with or without Prefect.

A job takes settings, a frozen value with its parameters, and an observer that receives progress and log
lines. Notebooks call a job directly. For Prefect, the flow of the same name calls it.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

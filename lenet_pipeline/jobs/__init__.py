"""Jobs: what each command does, start to end, as plain functions. They run without Prefect.

A job takes settings, a frozen value with its parameters, and an observer that receives progress and log
lines.
A notebook calls a job directly; a flow of the same name calls it for Prefect.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

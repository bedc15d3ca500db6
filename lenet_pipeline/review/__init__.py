"""Review: the verification pages in the browser, the people who may sign in, and the server.

``routes`` of each module list its pages and endpoints; ``server.py`` puts them behind the same checks.
Handlers that use the database are plain functions, so that they run in a thread of their own.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

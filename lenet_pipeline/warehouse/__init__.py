"""The warehouse: one DuckDB file that holds every prediction and its provenance.

Only this room imports DuckDB. A ``Warehouse`` is a path and a waiting time. Each function opens the file,
runs one short transaction and closes it, because no other process can read the file while a writer is open.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

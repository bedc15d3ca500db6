"""Training: turn labelled digits and a recipe into a calibrated model, and evaluate and draw it.

``reproduction`` compares our results with those in the literature.
"""

import lazy_loader

# __init__.pyi lists the names; each one is imported on first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

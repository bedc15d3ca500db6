"""Training: labelled digits and a recipe to a calibrated model, its evaluation and its figures.

``reproduction`` trains the results of the literature again and compares them.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

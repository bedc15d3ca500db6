"""The registry: training runs, model versions and aliases in MLflow.

Only this room imports MLflow. Weights are stored as safetensors; nothing is ever unpickled.
"""

import lazy_loader

# The names are listed in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

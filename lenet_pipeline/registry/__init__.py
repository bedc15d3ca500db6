"""The registry: training runs, model versions and aliases in MLflow.

Only this room imports MLflow. It stores weights as safetensors and never unpickles anything. Every model
version stores code that imports ``load_engine`` and ``score_request`` from here, so these names must stay.
"""

import lazy_loader

# __init__.pyi lists the names; each one is imported on first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

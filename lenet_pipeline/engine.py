"""Compatibility: model versions registered before 0.2.0 store code that imports ``Engine`` from here."""

from lenet_pipeline.scoring import Engine as Engine

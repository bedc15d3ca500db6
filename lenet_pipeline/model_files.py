"""Compatibility: model versions registered before 0.2.0 store code that imports ``read_model`` from here."""

from lenet_pipeline.registry import read_model as read_model

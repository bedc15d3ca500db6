"""The head of the audit chain, published to the registry.

Rewriting the database does not change this copy, so a check can compare the two.
"""

from __future__ import annotations

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.system import first_line

CHAIN_HEAD_TAG = "audit_chain_head"


def publish_head(registry: Registry, head: str) -> None:
    """Store the chain's head, ``NUMBER:SHA256``, as a tag of the registered model.

    Do nothing if the model is not registered yet.

    Raises:
        RegistryError: MLflow cannot store the tag.
    """
    client = registry.client()
    try:
        if client.search_registered_models(f"name = '{registry.model_name}'"):
            client.set_registered_model_tag(registry.model_name, CHAIN_HEAD_TAG, head)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot publish the head of the audit chain to MLflow: {first_line(exc)}"
        ) from exc


def read_published_head(registry: Registry) -> str | None:
    """Return the chain's head as last published, ``NUMBER:SHA256``, or None if it never was.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if not registry.database.exists():
        return None
    try:
        models = registry.client().search_registered_models(f"name = '{registry.model_name}'")
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot read the head of the audit chain from MLflow: {first_line(exc)}"
        ) from exc
    return next((model.tags.get(CHAIN_HEAD_TAG) for model in models), None)

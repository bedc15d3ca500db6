"""The audit trail's last link, told to the registry: who rewrites the database does not rewrite this too."""

from __future__ import annotations

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.system import first_line

CHAIN_HEAD_TAG = "audit_chain_head"


def publish_head(registry: Registry, head: str) -> None:
    """Write ``NUMBER:SHA256`` of the last link as a tag of the registered model, where there is one.

    Raises:
        RegistryError: MLflow refused.
    """
    client = registry.client()
    try:
        if client.search_registered_models(f"name = '{registry.model_name}'"):
            client.set_registered_model_tag(registry.model_name, CHAIN_HEAD_TAG, head)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot tell MLflow the head of the audit chain: {first_line(exc)}") from exc


def read_published_head(registry: Registry) -> str | None:
    """Return what was last published, or None.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if not registry.database.exists():
        return None
    try:
        models = registry.client().search_registered_models(f"name = '{registry.model_name}'")
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot read the head of the audit chain: {first_line(exc)}") from exc
    return next((model.tags.get(CHAIN_HEAD_TAG) for model in models), None)

"""The head of the audit chain, published to the registry.

Rewriting the database does not change this copy, so a check can compare the two.
"""

from __future__ import annotations

import uuid

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.system import describe_os_error, write_new

CHAIN_HEAD_TAG = "audit_chain_head"
_HOME_ID = "home-id"


def publish_head(registry: Registry, head: str) -> None:
    """Store the chain's head, ``NUMBER:SHA256``, as a tag of the registered model.

    Do nothing if the model is not registered yet.

    Raises:
        RegistryError: MLflow cannot store the tag.
    """
    client = registry.client()
    try:
        if client.search_registered_models(f"name = '{registry.model_name}'"):
            client.set_registered_model_tag(registry.model_name, _tag(registry), head)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot publish the head of the audit chain to MLflow: {registry.explain(exc)}"
        ) from exc


def read_published_head(registry: Registry) -> str | None:
    """Return the chain's head as last published, ``NUMBER:SHA256``, or None if it never was.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if registry.is_new:
        return None
    try:
        models = registry.client().search_registered_models(f"name = '{registry.model_name}'")
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot read the head of the audit chain from MLflow: {registry.explain(exc)}"
        ) from exc
    return next((model.tags.get(_tag(registry)) for model in models), None)


def _tag(registry: Registry) -> str:
    """Return the tag that holds a home's chain head. Homes that share a server each have their own.

    Raises:
        RegistryError: The home's id cannot be read or written.
    """
    if not registry.server:
        return CHAIN_HEAD_TAG
    path = registry.home / _HOME_ID
    try:
        if not path.exists():
            write_new(path, f"{uuid.uuid4()}\n".encode())
        return f"{CHAIN_HEAD_TAG}.{path.read_text().strip()}"
    except OSError as exc:
        raise RegistryError(f"cannot read or write {path}: {describe_os_error(exc)}") from exc

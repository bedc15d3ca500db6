"""The head of the audit chain, published to MLflow so that a truncated database is detected."""

from __future__ import annotations

from lenet_pipeline.errors import CheckFailed
from lenet_pipeline.registry import publish_head, read_published_head
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ChainHead, has_link, read_chain_head


def publish_chain_head(settings: Settings) -> ChainHead:
    """Publish the last link of the audit chain to MLflow, and return it.

    A chain that lacks the link published before never replaces it, because that would hide the tampering.

    Raises:
        CheckFailed: the chain lacks the link that was published last.
        WarehouseError: the database cannot be read.
        RegistryError: MLflow refused.
    """
    published = find_published_head(settings)
    if published and not has_link(settings.warehouse, published):
        raise CheckFailed(
            f"the audit chain of {settings.warehouse.path} lacks link {str(published)[:20]}…, which was "
            "published to MLflow: the chain was truncated or rebuilt. Run `lenet check` for details, and "
            "restore the database from a backup"
        )
    head = read_chain_head(settings.warehouse)
    publish_head(settings.registry, str(head))
    return head


def find_published_head(settings: Settings) -> ChainHead | None:
    """Return the link that was published to MLflow last, or None."""
    published = read_published_head(settings.registry)
    if published is None:
        return None
    number, _, sha256 = published.partition(":")
    return ChainHead(int(number) if number.isdecimal() else 0, sha256)

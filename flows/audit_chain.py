"""The head of the audit trail's chain, made known beyond the database."""

from __future__ import annotations

from flows.models import open_registry
from lenet_pipeline.registry import publish_head, read_published_head
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ChainHead, read_chain_head


def publish_chain_head(settings: Settings) -> ChainHead:
    """Tell MLflow the last link of the chain, and return it.

    Raises:
        WarehouseError: the database cannot be read.
        RegistryError: MLflow refused.
    """
    head = read_chain_head(settings.database, settings.database_wait_s)
    publish_head(open_registry(settings), str(head))
    return head


def find_published_head(settings: Settings) -> ChainHead | None:
    """Return the last link that MLflow was told of, or None."""
    published = read_published_head(open_registry(settings))
    if published is None:
        return None
    number, _, sha256 = published.partition(":")
    return ChainHead(int(number) if number.isdecimal() else 0, sha256)

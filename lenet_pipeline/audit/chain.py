"""The head of the audit trail's chain, made known beyond the database."""

from __future__ import annotations

from lenet_pipeline.errors import CheckFailed
from lenet_pipeline.registry import publish_head, read_published_head
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ChainHead, has_link, read_chain_head


def publish_chain_head(settings: Settings) -> ChainHead:
    """Tell MLflow the last link of the chain, and return it.

    What MLflow was told before is never written over by a chain that lacks it: that would hide what was done.

    Raises:
        CheckFailed: the chain has not the link that MLflow was told of last.
        WarehouseError: the database cannot be read.
        RegistryError: MLflow refused.
    """
    published = find_published_head(settings)
    if published and not has_link(settings.warehouse, published):
        raise CheckFailed(
            f"the audit chain of {settings.warehouse.path} lacks the link {str(published)[:20]}…, which "
            "MLflow has on record: the chain was truncated or rebuilt. Run `lenet check` for details, and "
            "restore the database from a backup"
        )
    head = read_chain_head(settings.warehouse)
    publish_head(settings.registry, str(head))
    return head


def find_published_head(settings: Settings) -> ChainHead | None:
    """Return the last link that MLflow was told of, or None."""
    published = read_published_head(settings.registry)
    if published is None:
        return None
    number, _, sha256 = published.partition(":")
    return ChainHead(int(number) if number.isdecimal() else 0, sha256)

"""Inboxes: watched folders and object stores, whose complete new documents are ingested and scored."""

"""Align scanned pages with templates: which form a page is, where its print is, and whether it is legible."""

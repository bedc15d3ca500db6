"""Scanned forms: pages in, registered pages, cells, digits and values out."""

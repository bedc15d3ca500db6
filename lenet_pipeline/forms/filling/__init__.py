"""Filling: made-up pages with known truth, written, printed and scanned as badly as asked."""

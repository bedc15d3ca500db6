"""Registration: which form a scanned page is, how it lies, and whether it can be read."""

"""Documents: files of scanned pages, and the pages read from them."""

"""Generate filled and scanned pages of a form, with known truth and scans of a chosen quality."""

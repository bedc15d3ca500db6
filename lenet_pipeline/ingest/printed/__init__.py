"""Machine-printed digits: fonts, varied type designs, simulated scans, and images that are not digits."""

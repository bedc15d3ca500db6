"""Read the cells and boxes of an aligned page, and cut out their digits."""

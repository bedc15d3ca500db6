"""Reading: from a aligned page to the digits in its cells and boxes."""

"""Reading: from a registered page to the digits in its cells and boxes."""

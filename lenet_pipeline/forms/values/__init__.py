"""Turn the probabilities of digits into the values of fields, with the help of their rules."""

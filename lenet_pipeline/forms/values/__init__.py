"""Values: from the digits' probabilities to what a field says, by its rules."""

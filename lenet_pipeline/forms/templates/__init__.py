"""Templates: what a form looks like and what its fields hold, read from YAML or drafted from a blank form."""

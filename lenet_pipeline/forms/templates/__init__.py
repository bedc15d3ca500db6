"""Templates describe a form and its fields. They are read from YAML or drafted from a blank form."""

"""Rules: what a value must keep to, alone or with others."""

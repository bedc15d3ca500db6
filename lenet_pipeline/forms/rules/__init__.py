"""Rules that values must pass, alone or together with other values."""

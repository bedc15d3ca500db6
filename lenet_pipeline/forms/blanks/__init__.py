"""Blanks: the blank form that filled copies of it have in common."""

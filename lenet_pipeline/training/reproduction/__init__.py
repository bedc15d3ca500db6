"""Reproduction: train the published results of the literature and compare ours with them.

``published`` is the table of published results. ``rows`` holds the rows that we trained. ``report`` presents
both in a table and in learning curves.
"""

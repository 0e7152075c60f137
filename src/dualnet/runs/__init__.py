"""Folders of runs: what a fit leaves, how it is locked and replaced as a whole, and how it is updated with new tables."""

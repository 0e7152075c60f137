"""Explanations: why a model recommends an item to a user, as parts of the score."""

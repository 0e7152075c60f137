"""Serving: a loaded model, a live catalogue beside it, and the questions they answer together."""

"""Interactions, content, data sets, features, splits and sources."""

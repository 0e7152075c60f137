"""Runs, reports and plots."""

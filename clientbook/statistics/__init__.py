"""Estimates and their intervals: pure functions on numpy arrays."""

"""Asking the read model: expressions, views, one customer."""

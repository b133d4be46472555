"""Segments of a book: rules from plugins and from the shop; who is in them, why, since when."""

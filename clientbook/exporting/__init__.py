"""Audiences: who is written to, what of them leaves the book, what is remembered of it, and what comes back."""

"""Metrics of a book: computed together, at an instant, by month, by part; and what they say to do first."""

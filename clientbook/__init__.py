"""clientbook keeps a shop's customer book in the terminal: one event log, everything else computed from it."""

__version__ = "0.1.0"

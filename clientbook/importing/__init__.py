"""From a file to events: decode, read, map, type, resolve identity, plan, commit."""

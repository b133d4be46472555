"""The append-only log: commit, read, and the proof that nothing was changed."""

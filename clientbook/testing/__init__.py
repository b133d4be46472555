"""What tests outside the core may use: the suite that a log has to pass, and rows to feed it."""

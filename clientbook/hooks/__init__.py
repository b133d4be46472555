"""What plugins plug into: declarations, hook specifications, and the manager that loads and guards plugins."""

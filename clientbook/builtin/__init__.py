"""First-party plugins, on the same hooks as everybody's. They import `clientbook.api` and `clientbook.statistics` alone."""

"""The run directory, its files, and references to runs."""

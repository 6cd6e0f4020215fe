"""Where files lie, how they are written and locked."""

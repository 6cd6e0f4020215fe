"""Search for the options of a recipe that validate best (extra `search`)."""

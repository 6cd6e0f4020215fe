"""A small corpus of invented film reviews, for a first try without network."""

"""Ratings predicted from what items are: facts in tables, names that were rated before, texts."""

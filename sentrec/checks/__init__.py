"""Checks of recipes, studies and this machine, reported as findings."""

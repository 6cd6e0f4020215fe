"""Calibration, classification, comparison, intervals, ranking."""

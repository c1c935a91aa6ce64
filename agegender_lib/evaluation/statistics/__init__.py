"""Intervals and tests that keep near-duplicates together; folds and seeds."""

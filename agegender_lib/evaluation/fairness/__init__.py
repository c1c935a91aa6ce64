"""Metrics by subgroup, and how far subgroups lie apart."""

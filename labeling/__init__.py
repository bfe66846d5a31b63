"""Pseudo-labels: what a teacher is sure of, what a person must say, what is rejected."""

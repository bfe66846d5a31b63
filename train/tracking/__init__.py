"""Curves, trackers and unfinished trainings."""

"""Decide which images are accepted, rejected or queued for review."""

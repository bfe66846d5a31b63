"""Helpers that several parts of flows use."""

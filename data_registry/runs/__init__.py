"""Runs and champions as the registry records them."""

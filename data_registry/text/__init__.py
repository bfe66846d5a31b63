"""Prepare text from outside to be shown, stored and compared."""

"""Fetch one URL politely and safely."""

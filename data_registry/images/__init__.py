"""Decode, hash and describe one image."""

"""Build models and load their weights."""

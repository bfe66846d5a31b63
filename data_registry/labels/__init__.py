"""Annotations, decisions, and the class that an image has by them."""

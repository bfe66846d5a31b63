"""The review queue, answer files and the review site."""

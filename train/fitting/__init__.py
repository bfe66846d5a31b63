"""Fit a model: optimiser, losses, batches, checkpoints."""

"""Runs, arms, cross-validation, sweeps, ensembles and distillation."""

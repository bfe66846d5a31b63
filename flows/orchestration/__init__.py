"""Prefect tasks, parameters and artifacts."""

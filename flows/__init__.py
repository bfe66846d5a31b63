"""Composition: the project file, the stages, the Prefect flow and the command line."""

"""Stages of the pipeline as plain functions."""

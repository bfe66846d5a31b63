"""Metrics, intervals and tests of significance."""

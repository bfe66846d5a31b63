"""Reliability of the teacher and the effect of other thresholds."""

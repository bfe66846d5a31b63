"""Predict with the champion."""

"""Decide about the champion."""

"""Measurements: ours beside what a user would pick instead, in one run.

    python -m benchmarks.NAME --json [--quick]

Each prints one JSON object: name, setup, ours, peers, ratios, goals, met.
"""

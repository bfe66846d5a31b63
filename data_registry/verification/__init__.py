"""Prove the invariants on what is stored."""

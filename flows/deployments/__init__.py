"""Prefect deployments: names, server, deploying, and everything up on one machine."""

"""Prefect deployments: deploy both flows, and run server, worker and site on one machine."""

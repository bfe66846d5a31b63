"""Prefect calls nobody home: variables for every process of it that we start."""

QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

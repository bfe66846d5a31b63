"""What the rooms log of single images reaches Prefect's pages: each line names image and URL."""

import logging

ROOMS = ("collectors", "labeling", "train", "data_registry")
# Prefect attaches itself to these loggers, but leaves their level at warnings.
ENVIRONMENT = {"PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(ROOMS)}


def speak_up() -> None:
    """Let the rooms log every image, not only warnings."""
    for name in ROOMS:
        logging.getLogger(name).setLevel(logging.INFO)

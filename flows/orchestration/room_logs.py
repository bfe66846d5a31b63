"""What the rooms log of single images reaches Prefect's pages: each line names image and URL."""

import logging
import os

ROOMS = ("collectors", "labeling", "train", "data_registry")
_EXTRA_LOGGERS = "PREFECT_LOGGING_EXTRA_LOGGERS"
# Prefect attaches itself to these loggers, but leaves their level at warnings.
ENVIRONMENT = {_EXTRA_LOGGERS: ",".join(ROOMS)}


def enable_package_logging() -> None:
    """Let the rooms log every image where Prefect listens to them.

    Elsewhere (`ephyra run` in a terminal) a line for every image would end on the user's screen,
    through the console handler that Prefect gives the root logger.
    """
    heard = os.environ.get(_EXTRA_LOGGERS, "").split(",")
    for name in set(ROOMS) & set(heard):
        logging.getLogger(name).setLevel(logging.INFO)

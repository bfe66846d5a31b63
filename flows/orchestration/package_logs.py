"""Send the packages' log lines, one for each image, to Prefect's pages."""

import logging
import os

PACKAGES = ("collectors", "labeling", "train", "data_registry")
_EXTRA_LOGGERS = "PREFECT_LOGGING_EXTRA_LOGGERS"
# Prefect attaches itself to these loggers, but leaves their level at warnings.
ENVIRONMENT = {_EXTRA_LOGGERS: ",".join(PACKAGES)}


def enable_package_logging() -> None:
    """Let the packages log every image where Prefect collects their logs.

    Elsewhere (`ephyra run` in a terminal) a line for every image would appear on the user's screen,
    through the console handler that Prefect adds to the root logger.
    """
    collected = os.environ.get(_EXTRA_LOGGERS, "").split(",")
    for name in set(PACKAGES) & set(collected):
        logging.getLogger(name).setLevel(logging.INFO)

"""The logger of the driver, `logging.getLogger("psycopg2")`.

The environment variable `YB_DRIVER_LOG_LEVEL` (DEBUG, INFO, WARNING, ERROR or CRITICAL) sets its level. The driver
configures nothing else: it installs no handler, starts no thread, and does not change the root logger.

For programs written for psycopg2-yugabytedb, this module can also be used as the logger: attributes that it does not
have are those of the logger.
"""

import logging
import os

logger = logging.getLogger("psycopg2")

level_mapping = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}

log_level = level_mapping.get(os.environ.get("YB_DRIVER_LOG_LEVEL", "").strip().upper(), logging.NOTSET)
"""The level set by the environment; NOTSET, which leaves it to the application, if that is missing or invalid."""

if log_level != logging.NOTSET:
    logger.setLevel(log_level)


def __getattr__(name):
    return getattr(logger, name)

"""The logger that the driver writes to: `logging.getLogger("psycopg2")`.

The environment variable `YB_DRIVER_LOG_LEVEL` (DEBUG, INFO, WARNING, ERROR or CRITICAL) is its level. Nothing else of
`logging` is touched: no handler is installed, no thread started, the root logger left alone.

`psycopg2.logger` is at once this module and, for programs written for psycopg2-yugabytedb, the logger: what the module
does not have is the logger's.
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
"""What the environment asks for; NOTSET, which leaves the level to the application, where it asks for nothing valid."""

if log_level != logging.NOTSET:
    logger.setLevel(log_level)


def __getattr__(name):
    return getattr(logger, name)

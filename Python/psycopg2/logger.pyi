import logging

logger: logging.Logger
level_mapping: dict[str, int]
log_level: int

import logging
from typing import Any

logger: logging.Logger
level_mapping: dict[str, int]
log_level: int

def __getattr__(name: str) -> Any: ...

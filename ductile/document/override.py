"""Environment variables that are settings: `DUCTILE_API__LISTEN` sets `api.listen`."""

import re

PREFIX = "DUCTILE_"
DELIMITER = "__"
"""Between the keys of a setting; a variable without it (`DUCTILE_TOKEN`, `DUCTILE_CONFIG_DIR`) is none."""

_OVERRIDE = re.compile(rf"{PREFIX}.*{DELIMITER}.*", re.DOTALL)


def is_override(name: str) -> bool:
    """Whether a variable of this name is a setting of the gateway."""
    return _OVERRIDE.fullmatch(name) is not None

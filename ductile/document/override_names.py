"""Environment variables that are settings: `DUCTILE_API__LISTEN` sets `api.listen`."""

import re

OVERRIDE_PREFIX = "DUCTILE_"
OVERRIDE_DELIMITER = "__"
"""Between the keys of a setting; a variable without it (`DUCTILE_TOKEN`, `DUCTILE_CONFIG_DIR`) is none."""

_OVERRIDE = re.compile(rf"{OVERRIDE_PREFIX}.*{OVERRIDE_DELIMITER}.*", re.DOTALL)


def is_override(name: str) -> bool:
    """Whether a variable of this name is a setting of the gateway."""
    return _OVERRIDE.fullmatch(name) is not None

"""Errors of finding a configuration. What is wrong inside one is a list of `Problem`, not an exception."""

from ductile.errors import NotFound


class ConfigNotFound(NotFound):
    """No configuration was found; looked for {looked_for}. Name its folder with --config-dir or $DUCTILE_CONFIG_DIR."""

    code = "config_not_found"

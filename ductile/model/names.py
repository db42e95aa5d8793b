"""Rules for names."""

import re

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""The names of plugins, instances and commands."""
RESERVED_NAMES = frozenset({"pipeline", "core", "ductile"})
"""Names that no plugin or instance can have, since responses use them for the gateway itself."""
DEFAULT_COMMAND = "handle"
"""The command of a route, and of a `uses` that names a plugin alone."""

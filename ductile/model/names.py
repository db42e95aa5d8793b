"""What things may be called."""

import re

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""The names of plugins, instances and commands."""
RESERVED_NAMES = frozenset({"pipeline", "core", "ductile"})
"""Names that no plugin or instance can have: answers use them for the gateway's own."""

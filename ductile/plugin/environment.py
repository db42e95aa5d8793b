"""The variables a plugin starts with: few, so that no secret of the gateway's own environment reaches it unnamed."""

from collections.abc import Iterator, Mapping, Sequence

from ductile.document.override_names import is_override
from ductile.model.snapshot import Plugin

ALL_VARIABLES = "all"
"""In an `inherit_env`: every variable of the gateway, save those that are its settings."""

SERVICE_MANAGER_VARIABLES = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}
)
"""What the service manager and the gateway say to each other by; no plugin may speak for the gateway."""

OWN_VARIABLES = frozenset({"DUCTILE_JOB_ID", "DUCTILE_ATTEMPT"})
"""The variables of a single attempt."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAMES = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK"})
_PREFIXES = ("LC_", "XDG_", "SSL_CERT_", "GIT_SSH", "DOCKER_")
_SUFFIXES = ("_PROXY", "_proxy")  # `http_proxy` is read by many programs in lower case alone


class Environment:
    """What all attempts of a plugin instance share, and the two variables of each. Equal where what is shared is."""

    __slots__ = ("_items", "shared")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.shared: Mapping[str, str] = {name: value for name, value in variables.items() if name not in OWN_VARIABLES}
        self._items = frozenset(self.shared.items())

    def of(self, job_id: str, attempt: int) -> dict[str, str]:
        """All variables of one attempt."""
        return {**self.shared, "DUCTILE_JOB_ID": job_id, "DUCTILE_ATTEMPT": str(attempt)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)


def plugin_environment(
    plugin: Plugin, service_inherit: Sequence[str], *, instance: str, own: Mapping[str, str]
) -> Environment:
    """The variables of a plugin instance, from `own`, the gateway's.

    The later wins: the allowed and inherited ones, the plugin's `env`, and those that say whose process it is. A
    variable that is a setting, `DUCTILE_API__LISTEN`, is passed on only where an `inherit_env` has its very name.
    """
    named = frozenset((*service_inherit, *plugin.inherit_env))
    return Environment({"PATH": DEFAULT_PATH, **dict(_inherit(own, named)), **plugin.env, "DUCTILE_INSTANCE": instance})


def _inherit(own: Mapping[str, str], named: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, value in own.items():
        if name in SERVICE_MANAGER_VARIABLES:
            continue
        if name in named or (not is_override(name) and (ALL_VARIABLES in named or _is_usual(name))):
            yield name, value


def _is_usual(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES) or name.endswith(_SUFFIXES)

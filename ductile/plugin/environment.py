"""The variables a plugin starts with: few, so that no secret of the gateway's own environment reaches it unnamed."""

from collections.abc import Iterator, Mapping, Sequence

from ductile.document.override import is_override
from ductile.model.snapshot import Plugin

ALL = "all"
"""In an `inherit_env`: every variable of the gateway, save those that are its settings."""

SERVICE_MANAGER = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}
)
"""What the service manager and the gateway say to each other by; no plugin may speak for the gateway."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAMES = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK"})
_PREFIXES = ("LC_", "XDG_", "SSL_CERT_", "GIT_SSH", "DOCKER_")
_SUFFIXES = ("_PROXY", "_proxy")  # `http_proxy` is read by many programs in lower case alone


def environment(
    plugin: Plugin,
    service_inherit: Sequence[str],
    *,
    instance: str,
    job_id: str,
    attempt: int,
    own: Mapping[str, str],
) -> dict[str, str]:
    """All variables of one attempt, from `own`, the gateway's.

    The later wins: the allowed and inherited ones, the plugin's `env`, and the three that say whose process it is. A
    variable that is a setting, `DUCTILE_API__LISTEN`, is passed on only where an `inherit_env` has its very name.
    """
    named = frozenset((*service_inherit, *plugin.inherit_env))
    return {
        "PATH": DEFAULT_PATH,
        **dict(_inherited(own, named)),
        **plugin.env,
        "DUCTILE_INSTANCE": instance,
        "DUCTILE_JOB_ID": job_id,
        "DUCTILE_ATTEMPT": str(attempt),
    }


def _inherited(own: Mapping[str, str], named: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, value in own.items():
        if name in SERVICE_MANAGER:
            continue
        if name in named or (not is_override(name) and (ALL in named or _is_usual(name))):
            yield name, value


def _is_usual(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES) or name.endswith(_SUFFIXES)

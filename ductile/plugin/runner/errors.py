"""What can keep an attempt from starting."""

from ductile.errors import DuctileError, Unavailable


class SpawnFailed(Unavailable):
    """The plugin could not be started: {reason}."""

    code = "spawn_failed"

    def __init__(self, *, reason: str, transient: bool = False) -> None:
        super().__init__(reason=reason, transient=transient)
        self.reason = reason
        self.transient = transient
        """The machine was short of something; the same start may succeed later."""


class PlatformUnsupported(DuctileError):
    """Ductile cannot run plugins on this system: {reason}. It needs Linux with kernel 5.4 or newer."""

    code = "platform_unsupported"
    status = 500


class Unforkable(DuctileError):
    """The plugin cannot be forked: {reason}."""

    code = "unforkable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason

"""The exit code for each error. Imported when there is one: it knows the client's and the configuration's errors."""

from ductile.cli.codes import AmbiguousId, ConfigurationBroken, Exit, NotSeen, UsageError, WaitedTooLong
from ductile.client import AuthFailed, NotFoundError, Refused, Unreachable
from ductile.config.errors import BadPath, ConfigNotFound, EditRefused, InvalidConfiguration
from ductile.errors import DuctileError, NotFound
from ductile.kit.errors import BadNewName, BadPayload, BadSettings, Unsendable

EXITS: tuple[tuple[type[DuctileError], Exit], ...] = (
    (UsageError, Exit.USAGE),
    (AmbiguousId, Exit.USAGE),
    (BadNewName, Exit.USAGE),
    (BadPayload, Exit.USAGE),
    (BadSettings, Exit.USAGE),
    (Unsendable, Exit.USAGE),
    (WaitedTooLong, Exit.TIMED_OUT),
    (BadPath, Exit.USAGE),
    (ConfigNotFound, Exit.CONFIGURATION),
    (EditRefused, Exit.CONFIGURATION),
    (InvalidConfiguration, Exit.CONFIGURATION),
    (ConfigurationBroken, Exit.CONFIGURATION),
    (NotFoundError, Exit.NOT_FOUND),
    (NotFound, Exit.NOT_FOUND),
    (AuthFailed, Exit.AUTH),
    (Unreachable, Exit.UNREACHABLE),
)
INVALID_CONFIG = 422
"""The status of a reload that finds the configuration invalid."""


def exit_of(error: DuctileError) -> Exit:
    """The exit code for an error."""
    if isinstance(error, NotSeen):
        return exit_of(error.cause)
    if isinstance(error, Refused) and error.http_status == INVALID_CONFIG:
        return Exit.CONFIGURATION
    return next((code for kind, code in EXITS if isinstance(error, kind)), Exit.FAILED)

"""The exit code for each error. Imported only after an error, for it imports the errors of client, config and kit."""

from ductile.cli.core.errors import AmbiguousId, ConfigurationBroken, PluginLookupFailed, UsageError, WaitedTooLong
from ductile.cli.core.exit_code import ExitCode
from ductile.client import AuthFailed, NotFoundError, Refused, Unreachable
from ductile.config.errors import BadPath, ConfigNotFound, EditRefused, InvalidConfiguration
from ductile.errors import DuctileError, NotFound
from ductile.kit.errors import BadNewName, BadPayload, BadSettings, CannotWriteRequest

EXIT_CODES: tuple[tuple[type[DuctileError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (AmbiguousId, ExitCode.USAGE),
    (BadNewName, ExitCode.USAGE),
    (BadPayload, ExitCode.USAGE),
    (BadSettings, ExitCode.USAGE),
    (CannotWriteRequest, ExitCode.USAGE),
    (WaitedTooLong, ExitCode.TIMED_OUT),
    (BadPath, ExitCode.USAGE),
    (ConfigNotFound, ExitCode.CONFIGURATION),
    (EditRefused, ExitCode.CONFIGURATION),
    (InvalidConfiguration, ExitCode.CONFIGURATION),
    (ConfigurationBroken, ExitCode.CONFIGURATION),
    (NotFoundError, ExitCode.NOT_FOUND),
    (NotFound, ExitCode.NOT_FOUND),
    (AuthFailed, ExitCode.AUTH),
    (Unreachable, ExitCode.UNREACHABLE),
)
INVALID_CONFIG_STATUS = 422
"""The status of a reload that finds the configuration invalid."""


def exit_code_of(error: DuctileError) -> ExitCode:
    """The exit code for an error."""
    if isinstance(error, PluginLookupFailed):
        return exit_code_of(error.cause)
    if isinstance(error, Refused) and error.http_status == INVALID_CONFIG_STATUS:
        return ExitCode.CONFIGURATION
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), ExitCode.FAILED)

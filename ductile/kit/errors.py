"""What keeps the kit from doing what it was asked."""

from collections.abc import Sequence
from typing import Any

from ductile.document.problem import Problem
from ductile.errors import BadRequest, Conflict, NotFound, Unprocessable
from ductile.kit.build_excerpt import cut_build_output


class NoPluginFolder(NotFound):
    """{folder} is no plugin: {reason}. `ductile plugin new NAME --lang python` makes one."""

    code = "no_plugin_folder"


class BadPlugin(Unprocessable):
    """The plugin in {folder} cannot run."""

    code = "bad_plugin"

    def __init__(self, *, folder: object, problems: Sequence[Problem]) -> None:
        super().__init__(folder=folder)
        self.problems = tuple(problems)

    def public_details(self) -> dict[str, Any]:
        """The problems, each with its place."""
        return {"folder": str(self.details["folder"]), "errors": [problem.public() for problem in self.problems]}


class NoSuchCommand(NotFound):
    """The plugin {plugin} has no command `{command}`{hint} (it has {known})."""

    code = "unknown_command"


class BadPayload(BadRequest):
    """The payload does not fit the input schema of `{command}`; the gateway would refuse it."""

    code = "invalid_payload"


class CannotWriteRequest(BadRequest):
    """The request cannot be written: {reason}."""

    code = "request_unwritable"


class CannotWatch(Unprocessable):
    """{folder} cannot be watched: {reason}. `--once` runs the plugin without watching."""

    code = "unwatched"


class BadSettings(BadRequest):
    """{what} cannot be used: {reason}."""

    code = "bad_test_settings"


class BadNewName(BadRequest):
    """`{name}` cannot be a plugin's name: {reason}."""

    code = "bad_name"


class FolderTaken(Conflict):
    """{folder} is there already, and nothing was touched; choose another name, or another place by --dir."""

    code = "folder_taken"


class CannotMakeFolder(Unprocessable):
    """The plugin cannot be made in {parent}: {reason}. Nothing was touched."""

    code = "not_made"


class CannotWrap(Unprocessable):
    """{program} cannot be wrapped: {reason}."""

    code = "not_wrapped"


class BuildFailed(Unprocessable):
    """`{command}` failed in {folder}: {reason}."""

    code = "build_failed"

    def __init__(self, *, command: str, folder: object, exit_code: int, output: str) -> None:
        reason = f"exit code {exit_code}" if exit_code else "it ended with 0, and the entrypoint was not made"
        super().__init__(command=command, folder=str(folder), exit_code=exit_code, reason=reason)
        self.output = output
        """What the compiler said."""

    def public_details(self) -> dict[str, Any]:
        """With what was said."""
        return {**self.details, "errors": cut_build_output(self.output)}

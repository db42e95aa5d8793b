"""Errors of finding a configuration. What is wrong inside one is a list of `Problem`, not an exception."""

from ductile.errors import BadRequest, Conflict, DuctileError, NotFound, Unprocessable


class ConfigNotFound(NotFound):
    """No configuration was found; looked for {looked_for}. Name its folder with --config-dir or
    $DUCTILE_CONFIG_DIR{hint}.
    """  # noqa: D205 - one message

    code = "config_not_found"


class BadPath(BadRequest):
    """`{path}` is no path of a setting (character {place}); write one such as `service.log_level` or `routes[0].to`."""

    code = "bad_path"


class NoSuchSetting(NotFound):
    """There is no setting `{path}`{hint} (`ductile config show` lists those that are in force)."""

    code = "unknown_setting"


class NoSuchFile(NotFound):
    """`{file}` is none of the configuration's files, which are {files}."""

    code = "unknown_file"


class SetByVariable(Conflict):
    """`{path}` is set by the environment variable {variable}, which wins over every file; change or unset it there."""

    code = "set_by_variable"


class SetInSeveral(Conflict):
    """`{path}` is put together from {files}; set its keys one by one, or name one of them with --file."""

    code = "set_in_several_files"


class SetElsewhere(Conflict):
    """A change of `{path}` in {file} would have no effect: it is set at {place} too, which wins. Change it there."""

    code = "set_elsewhere"


class NotEditable(Conflict):
    """`{path}` cannot be changed at {place}: {reason}. Change it there by hand."""

    code = "not_editable"


class EditRefused(Unprocessable):
    """The file was not changed: with this, the configuration would have {found}."""

    code = "invalid_configuration"


class NotWritten(DuctileError):
    """{file} cannot be written: {reason}. Nothing was changed."""

    code = "not_written"


class NoSuchPlugin(NotFound):
    """No plugin {name!r} is configured or found below the plugin roots{hint} (see `ductile plugin list`)."""

    code = "unknown_plugin"


class InvalidConfiguration(Unprocessable):
    """The configuration {path} has {found}; mend it first."""

    code = "invalid_configuration"

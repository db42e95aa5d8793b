"""A plugin folder, opened as the gateway opens it: manifest, trust, and an instance that can run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ductile.config.secrets import write_only
from ductile.document.problem import Problem, did_you_mean
from ductile.document.redactor import Redactor, is_secret_name
from ductile.document.secret_values import secrets_in
from ductile.flow.plan_starts import DEFAULT_MAX_ATTEMPTS
from ductile.kit.errors import BadPlugin, NoPluginFolder, NoSuchCommand
from ductile.model.manifest import Manifest
from ductile.model.snapshot import Plugin
from ductile.plugin.discovery import MANIFEST_FILE, PluginFolder
from ductile.plugin.json_schema import compile_validator
from ductile.plugin.loader import COMMAND_TIMEOUTS_MILLISECONDS, DEFAULT_TIMEOUT_MILLISECONDS, LoadedPlugin, load_plugin

_BACKOFF_MILLIS = 1_000
"""Milliseconds. Nothing is retried here."""


class PluginUnderTest(Struct, frozen=True, kw_only=True):
    """A plugin's folder with the manifest that was loaded from it."""

    folder: Path
    manifest_path: Path
    loaded: LoadedPlugin

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the plugin from running."""
        return tuple(problem for problem in self.loaded.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems with which the plugin runs."""
        return tuple(problem for problem in self.loaded.problems if problem.severity != "error")


def open_plugin(folder: Path) -> PluginUnderTest:
    """Load the plugin of a folder; `errors` says whether it can run. Raises NoPluginFolder."""
    if folder.name == MANIFEST_FILE and folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise NoPluginFolder(folder=folder, reason="there is no such folder")
    manifest_path = folder / MANIFEST_FILE
    if not manifest_path.exists() and not manifest_path.is_symlink():
        raise NoPluginFolder(folder=folder, reason=f"it holds no {MANIFEST_FILE}")
    plugin_folder = PluginFolder(folder=folder, manifest_path=manifest_path, root=folder)
    return PluginUnderTest(
        folder=folder, manifest_path=manifest_path, loaded=load_plugin(plugin_folder, allow_symlinks=False)
    )


def build_instance(subject: PluginUnderTest, *, config: Mapping[str, Any], env: Mapping[str, str]) -> Plugin:
    """The plugin as an instance of its own name. Raises BadPlugin."""
    manifest, executable = subject.loaded.manifest, subject.loaded.executable
    if manifest is None or executable is None or subject.errors:
        raise BadPlugin(folder=subject.folder, problems=subject.errors)
    return Plugin(
        name=manifest.name,
        manifest=manifest,
        folder=subject.folder,
        executable=executable,
        config=config,
        env=env,
        inherit_env=(),
        timeouts={
            name: command.timeout or COMMAND_TIMEOUTS_MILLISECONDS.get(name, DEFAULT_TIMEOUT_MILLISECONDS)
            for name, command in manifest.commands.items()
        },
        max_attempts=DEFAULT_MAX_ATTEMPTS,
        backoff_base=_BACKOFF_MILLIS,
        parallelism=1,
        notify_on_complete=False,
        runner="spawn",
        validators={
            name: compile_validator(command.input_schema)
            for name, command in manifest.commands.items()
            if command.input_schema is not None
        },
    )


def plugin_document(subject: PluginUnderTest) -> dict[str, Any]:
    """`{name, commands: [{name, input_schema}]}`, as the gateway tells of a plugin. Raises BadPlugin."""
    manifest = subject.loaded.manifest
    if manifest is None:
        raise BadPlugin(folder=subject.folder, problems=subject.errors)
    commands = [{"name": one.name, "input_schema": one.input_schema} for one in manifest.commands.values()]
    return {"name": manifest.name, "commands": commands}


def require_command(manifest: Manifest, command: str) -> None:
    """Raises NoSuchCommand."""
    if command not in manifest.commands:
        raise NoSuchCommand(
            plugin=manifest.name,
            command=command,
            hint=did_you_mean(command, manifest.commands),
            known=", ".join(manifest.commands),
        )


def config_problems(manifest: Manifest, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The reasons for which a gateway would quarantine the plugin."""
    missing = [
        f"`config.{key}` is required (config_keys.required in {MANIFEST_FILE}) and not given"
        for key in manifest.required_config
        if key not in config
    ]
    if missing or manifest.config_schema is None:
        return tuple(missing)
    invalid = compile_validator(manifest.config_schema)(dict(config))
    return tuple(f"`config{one.path}` does not fit config_schema: {one.message}" for one in invalid)


def build_redactor(manifest: Manifest | None, config: Mapping[str, Any], env: Mapping[str, str]) -> Redactor:
    """A redactor that hides what a gateway would hide of a configuration."""
    marked = write_only(manifest.config_schema, config) if manifest and manifest.config_schema else ()
    return Redactor([*_secrets({"config": config, "env": env}), *marked])


def _secrets(value: Any, *, under_secret: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _secrets(member, under_secret=under_secret or is_secret_name(str(name)))
    elif isinstance(value, list):
        for member in value:
            yield from _secrets(member, under_secret=under_secret)
    else:
        yield from secrets_in("password" if under_secret else "", value)

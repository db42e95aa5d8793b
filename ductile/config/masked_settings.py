"""Settings as they may be shown: without the secrets."""

import os
from collections.abc import Sequence
from typing import Any

from ductile.config.load import Layers
from ductile.config.secrets import collect_secrets
from ductile.config.settings import Setting, effective_settings
from ductile.config.validation import validate
from ductile.document.problem import Path
from ductile.document.redactor import MASK, Redactor, is_display_secret
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.plugin.bundled import root_folders
from ductile.plugin.loader import load_plugins


class MaskedSettings:
    """The settings of a configuration, each with what may be shown of it."""

    def __init__(self, layers: Layers) -> None:
        self.settings: list[Setting] = effective_settings(layers)
        configuration, self.problems = validate(layers)
        service = configuration.service
        plugins = load_plugins(
            root_folders(configuration.plugin_roots),
            allow_symlinks=service.allow_symlinks,
            trusted_owners=service.trusted_owners,
        )
        secrets = collect_secrets(layers, {plugin.name: plugin for plugin in plugins.loaded}, os.environ)
        self._redactor = Redactor(secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS)

    def below(self, path: Path) -> list[Setting]:
        """The settings at a path or below it."""
        return [setting for setting in self.settings if setting.path[: len(path)] == path]

    def value(self, setting: Setting) -> Any:
        """The setting's value, or the mask."""
        return MASK if self.is_secret(setting) else setting.value

    def is_secret(self, setting: Setting) -> bool:
        """Whether its key is named as a secret is, or it holds one."""
        name = next((part for part in reversed(setting.path) if isinstance(part, str)), "")
        value = setting.value
        if value in (None, "", [], {}) or isinstance(value, bool):
            return False
        return is_display_secret(name) or self._redactor.text(str(value)) != str(value)


def nest_settings(settings: Sequence[tuple[Path, Any]], depth: int) -> Any:
    """Settings as the value that they make up, without the first parts of their paths."""
    if len(settings) == 1 and len(settings[0][0]) == depth:
        return settings[0][1]
    groups: dict[str | int, list[tuple[Path, Any]]] = {}
    for path, value in settings:
        groups.setdefault(path[depth], []).append((path, value))
    members = {part: nest_settings(group, depth + 1) for part, group in groups.items()}
    return list(members.values()) if all(isinstance(part, int) for part in members) else members


def settings_tree(settings: Sequence[Setting]) -> Any:
    """The keys and indexes that settings have, as `parse_path` wants to know them."""
    return nest_settings([(setting.path, setting.value) for setting in settings], 0) if settings else {}

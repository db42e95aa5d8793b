"""Two configurations, value by value."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ductile.config.field_types import FieldMark
from ductile.config.load import Layers
from ductile.config.marked_values import mark_at
from ductile.config.masked_settings import MaskedSettings
from ductile.config.schema.section import Section
from ductile.config.setting_path import format_path
from ductile.config.settings import Setting
from ductile.document.paths import same_json
from ductile.document.problem import Path
from ductile.plugin.bundled import BUNDLED_ROOT


def compare_snapshots(now: Layers, then: Layers) -> list[dict[str, Any]]:
    """The settings that differ: `{path, now, then, from}`, null where there is none; secrets are masked."""
    first, second = MaskedSettings(now), MaskedSettings(then)
    before = {setting.path: setting for setting in first.settings}
    after = {setting.path: setting for setting in second.settings}
    rows = []
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path), after.get(path)
        if old and new and same_json(_portable(old, now), _portable(new, then)):
            continue
        if old is None or new is None:
            lone = old or new
            if lone is None or lone.mark is None:  # a default comes and goes with its section
                continue
        rows.append(
            {
                "path": format_path(path),
                "now": first.value(old) if old else None,
                "then": second.value(new) if new else None,
                "from": new.source if new else None,
            }
        )
    return rows


def _portable(setting: Setting, layers: Layers) -> Any:
    """The value; a path as it is seen from the configuration's folder, so that a copy of the folder is the same."""
    value = setting.value
    if not isinstance(value, str) or value == BUNDLED_ROOT or not _is_path(setting.path, layers.model):
        return value
    return os.path.relpath(value, layers.root)


def _is_path(path: Path, model: type[Section]) -> bool:
    return path[0] == "plugin_roots" or path == ("state", "path") or mark_at(model, path) is FieldMark.PATH


def differences(now: Any, then: Any) -> list[dict[str, Any]]:
    """The values that differ between two JSON documents: `{path, now, then}`, null where there is none."""
    old, new = dict(_walk_values(now, ())), dict(_walk_values(then, ()))
    paths = [*old, *(path for path in new if path not in old)]
    return [
        {"path": format_path(path), "now": old.get(path), "then": new.get(path)}
        for path in paths
        if path not in old or path not in new or old[path] != new[path]
    ]


def _walk_values(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if not members:
        yield at, value
        return
    for part, member in members:
        yield from _walk_values(member, (*at, part))

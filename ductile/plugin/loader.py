"""Loads plugins: discovery, manifest, trust. A plugin with an error is kept, with its reasons, and does not run."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct

from ductile.document.problem import Mark, Problem
from ductile.document.read import read_document
from ductile.model.clock import Millis
from ductile.model.manifest import Manifest
from ductile.plugin.discovery import PluginFolder, discover_plugins
from ductile.plugin.manifest_parser import parse_manifest
from ductile.plugin.trust import check_manifest, executable_of
from ductile.plugin.trusted_path import Untrusted, check_way, gateway_owners

DEFAULT_TIMEOUT_MILLISECONDS: Millis = 60_000
COMMAND_TIMEOUTS_MILLISECONDS: dict[str, Millis] = {"poll": 60_000, "handle": 120_000, "health": 10_000, "init": 30_000}


class LoadedPlugin(Struct, frozen=True, kw_only=True):
    """A plugin folder that was looked into. It can run if no problem is an error."""

    name: str
    """What the manifest says, or the folder's name where it says nothing sound."""
    folder: Path
    manifest: Manifest | None
    executable: Path | None
    """None where it cannot be trusted, or there is no manifest."""
    problems: tuple[Problem, ...] = ()


class LoadedPlugins(Struct, frozen=True, kw_only=True):
    """All plugins below the roots, each name once, in the order they were found."""

    loaded: tuple[LoadedPlugin, ...]
    problems: tuple[Problem, ...]
    """Of the roots and of duplicate names, not of single plugins."""


def load_plugins(
    roots: Sequence[Path], *, allow_symlinks: bool, trusted_owners: Collection[int] = frozenset()
) -> LoadedPlugins:
    """Every plugin below the roots. The first one to have a name keeps it; a later one is reported and left out.

    Files of `trusted_owners` (user ids) may run besides root's and the gateway's own. What stands below a root that
    somebody else may change is not trusted.
    """
    discovery = discover_plugins(roots, allow_symlinks=allow_symlinks)
    owners = gateway_owners().union(trusted_owners)
    untrusted = {root: _trust_problem(root, owners) for root in roots}
    first: dict[str, LoadedPlugin] = {}
    problems = list(discovery.problems)
    for found in discovery.found:
        untrusted_way = untrusted[found.root] or _trust_problem(found.folder, owners)
        loaded = load_plugin(found, allow_symlinks=allow_symlinks, owners=owners, untrusted_way=untrusted_way)
        kept = first.setdefault(loaded.name, loaded)
        if kept is not loaded:
            message = f"a second plugin is named `{loaded.name}` and is left out; the first is {kept.folder}"
            mark = Mark(str(found.manifest_path), 1, 1)
            problems.append(Problem(code="duplicate_plugin", message=message, mark=mark, severity="warning"))
    return LoadedPlugins(loaded=tuple(first.values()), problems=tuple(problems))


def _trust_problem(path: Path, owners: frozenset[int]) -> str | None:
    """Why the way to a folder cannot be trusted."""
    try:
        check_way(str(path.absolute()), owners)
    except Untrusted as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}"
    return None


def load_plugin(
    found: PluginFolder, *, allow_symlinks: bool, owners: frozenset[int] | None = None, untrusted_way: str | None = None
) -> LoadedPlugin:
    """The plugin in a folder: its manifest, and its executable if it can be trusted.

    `owners` are the users whose files may run; root and the gateway's own user where None. `untrusted_way` says why
    the way to the folder is not to be trusted.
    """
    owners = gateway_owners() if owners is None else owners
    document = read_document(found.manifest_path)
    manifest, problems = parse_manifest(document)
    executable: Path | None = None
    untrusted = Mark(document.file, 1, 1)
    try:
        _check_way(untrusted_way)
        _check_manifest_file(found, owners, allow_symlinks=allow_symlinks)
        if manifest is not None:
            untrusted = document.marks.of(("entrypoint",))
            executable = executable_of(found.folder, manifest.entrypoint, allow_symlinks=allow_symlinks, owners=owners)
    except (Untrusted, OSError) as error:
        executable = None
        code = getattr(error, "code", Untrusted.code)
        problems = (*problems, Problem(code=code, message=str(error), mark=untrusted))
    return LoadedPlugin(
        name=_name(document.value, found.folder, manifest),
        folder=found.folder,
        manifest=manifest,
        executable=executable,
        problems=problems,
    )


def _check_way(untrusted: str | None) -> None:
    if untrusted is not None:
        raise Untrusted(untrusted)


def _check_manifest_file(found: PluginFolder, owners: frozenset[int], *, allow_symlinks: bool) -> None:
    path = found.manifest_path
    if os.path.islink(path):  # noqa: PTH114  # a thousand plugins: what Path asks takes three times as long
        if not allow_symlinks:
            message = "the manifest is a symbolic link, which `service.allow_symlinks` does not allow"
            raise Untrusted(message)
        if not path.resolve().is_relative_to(found.root.resolve()):
            message = "the manifest is a symbolic link that leads out of the plugin root"
            raise Untrusted(message)
    if os.path.exists(path):  # noqa: PTH110  # as above
        check_manifest(found.folder, path, owners)


def _name(value: object, folder: Path, manifest: Manifest | None) -> str:
    if manifest is not None:
        return manifest.name
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else folder.name

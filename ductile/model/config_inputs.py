"""The files and folders that a configuration was read from, which the watcher watches."""

from pathlib import Path

from msgspec import Struct


class ConfigInputs(Struct, frozen=True, kw_only=True):
    """Absolute paths as they were named, with links not followed. Missing paths that were looked for count, too."""

    files: tuple[Path, ...] = ()
    """Configuration, `.env` and `${file:}` files, manifests and entrypoints."""
    folders: tuple[Path, ...] = ()
    """Included folders, whose lists of files matter."""
    roots: tuple[Path, ...] = ()
    """Plugin roots, whose lists of plugins matter."""
    allow_symlinks: bool = False
    """Whether links below the roots are followed."""

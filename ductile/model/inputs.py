"""What a configuration was read from: what a watcher watches."""

from pathlib import Path

from msgspec import Struct


class Inputs(Struct, frozen=True, kw_only=True):
    """Absolute paths, as they were named: links are not followed. What was looked for and is not there counts too."""

    files: tuple[Path, ...] = ()
    """Configuration, `.env` and `${file:}` files, manifests and entrypoints."""
    folders: tuple[Path, ...] = ()
    """Folders that are included: which files they hold matters."""
    roots: tuple[Path, ...] = ()
    """Plugin roots: which plugins stand below them matters."""
    allow_symlinks: bool = False
    """Whether links below the roots are followed."""

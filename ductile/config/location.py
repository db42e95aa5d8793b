"""Where a configuration is, and what its paths mean."""

import os
from collections.abc import Mapping
from pathlib import Path

from ductile.config.errors import ConfigNotFound

FILE = "config.yaml"
DEFAULT_STATE = "data/state.db"
"""Below the configuration's folder."""
SYSTEM_FOLDER = Path("/etc/ductile")


def find_config(option: str | None, environ: Mapping[str, str]) -> Path:
    """The absolute path of `config.yaml`. Raises `ConfigNotFound`.

    The option names it or its folder, else `DUCTILE_CONFIG_DIR` does, else it is in one of the usual folders.
    """
    named = option or environ.get("DUCTILE_CONFIG_DIR")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path("~").expanduser()
    places = [named_path(named, Path.cwd())] if named else [home / ".config" / "ductile", SYSTEM_FOLDER]
    candidates = [place if _is_file(place) else place / FILE for place in places]
    found = next((candidate for candidate in candidates if _is_file(candidate)), None)
    if found is None:
        here = not named and _is_file(Path(FILE))
        hint = "; this folder has a config.yaml: `--config-dir .` takes it" if here else ""
        raise ConfigNotFound(looked_for=", ".join(str(candidate) for candidate in candidates), hint=hint)
    return found


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file() raises below a folder that may not be entered


def named_path(text: str, folder: Path) -> Path:
    """A path setting as an absolute path: `~` expanded, relative to the folder of the file that holds it."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # `~nobody`: a user that is not there
        path = Path(text)
    return absolute(folder / path)


def absolute(path: Path) -> Path:
    """The path without `..`; links stay."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow symlinks: the folder may be one

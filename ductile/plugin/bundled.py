"""The plugins that ship with Ductile, which `plugin_roots: [bundled]` names."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

BUNDLED_ROOT = "bundled"
"""The plugin root that names them; a folder of that name is written `./bundled`."""


@cache
def bundled_folder() -> Path:
    """Where they are: a folder of the installed package, or `plugins/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / BUNDLED_ROOT
    return installed if installed.is_dir() else package.parent / "plugins"


def is_bundled(folder: Path) -> bool:
    """Whether a plugin's folder is one of those that ship with Ductile."""
    return folder.is_relative_to(bundled_folder())


def root_folder(root: str) -> Path:
    """The folder that a plugin root names."""
    return bundled_folder() if root == BUNDLED_ROOT else Path(root)


def root_folders(roots: Sequence[str]) -> list[Path]:
    """The folders that plugin roots name, each once."""
    return list(dict.fromkeys(root_folder(root) for root in roots))

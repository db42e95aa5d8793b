"""Makes the folder of a new plugin, in one step."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ductile.kit.errors import BadNewName, CannotMakeFolder, FolderTaken
from ductile.kit.template import TOOLCHAINS, Language, PluginFile
from ductile.model.names import NAME_PATTERN, RESERVED_NAMES

_MAX_NAME_CHARS = 100
"""A plugin's name is also the name of a folder, and the beginning of the names of events."""
_FILE_MODE, _PROGRAM_MODE = 0o644, 0o755
"""Never writable by everybody, whatever the umask: the gateway would not trust such a plugin."""


def check_plugin_name(name: str) -> None:
    """Raises BadNewName."""
    if name in RESERVED_NAMES:
        raise BadNewName(name=name, reason="it is reserved for the gateway's own")
    if not NAME_PATTERN.fullmatch(name):
        reason = "names start with a-z or 0-9 and go on with a-z, 0-9, `_` and `-`"
        raise BadNewName(name=name, reason=reason)
    if len(name) > _MAX_NAME_CHARS:
        raise BadNewName(
            name=f"{name[:20]}…", reason=f"it has {len(name)} characters, and {_MAX_NAME_CHARS} is the most"
        )


def check_new_folder(name: str, parent: Path) -> Path:
    """The folder that can be made. Raises FolderTaken, NotMade."""
    folder = parent / name
    if os.path.lexists(folder):
        raise FolderTaken(folder=folder)
    if not parent.is_dir():
        reason = "it is no folder" if parent.exists() else "there is no such folder"
        raise CannotMakeFolder(parent=parent, reason=reason)
    if not os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
        raise CannotMakeFolder(parent=parent, reason="it may not be written to")
    return folder


def make_folder(name: str, parent: Path, files: Mapping[str, PluginFile]) -> Path:
    """Make the folder `name` in the parent, under another name first. Raises BadNewName, FolderTaken, NotMade."""
    check_plugin_name(name)
    folder = check_new_folder(name, parent)
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent))
    except OSError as error:
        raise CannotMakeFolder(parent=parent, reason=error.strerror) from None
    try:
        _write_files(unfinished, files)
        _move_into_place(unfinished, folder)
    except OSError as error:
        raise CannotMakeFolder(parent=parent, reason=error.strerror) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _write_files(folder: Path, files: Mapping[str, PluginFile]) -> None:
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(_PROGRAM_MODE & ~umask)
    for path, file in files.items():
        target = folder / path
        for below in reversed(target.relative_to(folder).parents[:-1]):
            if not (folder / below).exists():
                (folder / below).mkdir()
                (folder / below).chmod(_PROGRAM_MODE & ~umask)
        target.write_text(file.text, encoding="utf-8")
        target.chmod((_PROGRAM_MODE if file.executable else _FILE_MODE) & ~umask)


def _move_into_place(unfinished: Path, folder: Path) -> None:
    """Give the folder its name, which must be free: an empty one is made first, and only that is replaced."""
    try:
        folder.mkdir()
    except FileExistsError:
        raise FolderTaken(folder=folder) from None
    try:
        unfinished.rename(folder)
    except OSError:
        with suppress(OSError):  # somebody has put something into it, and it is theirs
            folder.rmdir()
        raise


def missing_programs(language: Language, *, small: bool = False) -> tuple[str, ...]:
    """The programs that the plugin needs and the PATH lacks."""
    toolchain = TOOLCHAINS[language]
    needed = toolchain.programs if small else (*toolchain.programs, *toolchain.json_programs)
    return tuple(program for program in needed if shutil.which(program) is None)

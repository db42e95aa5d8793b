"""Scratch folders in which plugins under test read and write."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

_INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "SHELL")
"""Variables that a plugin under test inherits: they reveal no files and no accounts."""


class Workspace(Struct, frozen=True, kw_only=True):
    """The working directory and the environment in which a plugin starts."""

    cwd: Path
    environ: Mapping[str, str]
    """The variables of the caller; the plugin gets those that the gateway passes on."""


@contextmanager
def scratch_workspace(files: Mapping[str, str]) -> Iterator[Workspace]:
    """A new working directory that holds the files, with HOME and TMPDIR beside it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ductile-kit-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        work, home, temporary = (root / part for part in ("work", "home", "tmp"))
        for folder in (work, home, temporary):
            folder.mkdir()
        for path, text in files.items():
            file = work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        yield Workspace(cwd=work, environ={**_inherited_variables(), "HOME": str(home), "TMPDIR": str(temporary)})


def _inherited_variables() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}

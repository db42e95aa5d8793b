"""A folder of their own for plugins under test: what they read and write stays in it."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ductile.kit.bench import Place

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "SHELL")
"""Variables of whoever runs the kit that say nothing of their files and accounts."""


@contextmanager
def scratch(files: Mapping[str, str]) -> Iterator[Place]:
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
        yield Place(cwd=work, environ={**_own(), "HOME": str(home), "TMPDIR": str(temporary)})


def _own() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}

"""`ductile config init`: a new configuration that works."""

import json
import os
import secrets
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.errors import FolderNotEmpty, FolderNotMade, UsageError
from ductile.cli.core.output import Output

app = new_group("Make a configuration.")

PRIVATE_MODE, SCRIPT_MODE, PLAIN_MODE = 0o600, 0o755, 0o644
"""Modes before the umask. No file of a plugin may be writable by everybody."""
TOKEN_BYTES = 24


@command(app, changes=True)
def init(
    out: Output,
    folder: Annotated[str, typer.Argument(metavar="[DIR]", help="A new folder, or an empty one.")] = ".",
    *,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="Where the gateway listens: host:port or unix:/path.")
    ] = "127.0.0.1:8080",
) -> None:
    """Make a configuration that works: commented, with a plugin, a pipeline, and a random token in .env (mode 600).

    A folder with anything in it is not touched.
    """
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link that is to stay one
    refuse_unless_empty(path)
    files_by_path = starter_files(read_listen_address(listen))
    if not out.dry_run:
        write_files(path, files_by_path)
        out.tell(f"The administrator's token is in {path / '.env'}. Start the gateway with:")
        out.tell(f"  ductile system start --config-dir {path}")
    out.print_lines(
        [str(path / name) for name in files_by_path],
        document={"folder": str(path), "files": list(files_by_path), "dry_run": out.dry_run},
    )


def starter_files(listen: str) -> dict[str, str]:
    """Path below the folder → text."""
    from ductile.config.json_schema import config_schema, pipelines_schema  # --help needs no models
    from ductile.kit.template import Language, plugin_files
    from ductile.sections import SECTIONS

    root = files("ductile.cli") / "starter"
    plugin = plugin_files("hello", Language.PYTHON)
    return {
        "config.yaml": (root / "config.yaml.tmpl").read_text("utf-8").replace("@LISTEN@", listen),
        ".env": (root / "env.tmpl").read_text("utf-8").replace("@TOKEN@", secrets.token_hex(TOKEN_BYTES)),
        ".gitignore": (root / "gitignore.tmpl").read_text("utf-8"),
        "pipelines/hello.yaml": (root / "pipelines" / "hello.yaml.tmpl").read_text("utf-8"),
        "schemas/config.schema.json": json.dumps(config_schema(SECTIONS), indent=2, ensure_ascii=False) + "\n",
        "schemas/pipelines.schema.json": json.dumps(pipelines_schema(), indent=2, ensure_ascii=False) + "\n",
        **{f"plugins/hello/{name}": file.text for name, file in plugin.items()},
    }


def read_listen_address(text: str) -> str:
    """An address as YAML takes it. Raises UsageError."""
    from pydantic import TypeAdapter, ValidationError

    from ductile.config.schema.value_types import Listen
    from ductile.document.yaml_write import NewValue

    try:
        TypeAdapter(Listen).validate_python(text)
    except ValidationError as error:
        raise UsageError(reason=f"--listen {error.errors()[0]['ctx']['message']}") from None
    return NewValue(text).format(flow=False)


def refuse_unless_empty(path: Path) -> None:
    """Raises FolderNotEmpty, FolderNotMade."""
    try:
        there = sorted(os.listdir(path))  # noqa: PTH208 - only the names
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderNotMade(folder=path, reason=error.strerror) from None
    if there:
        raise FolderNotEmpty(folder=path, entry=there[0])


def write_files(path: Path, files_by_path: Mapping[str, str]) -> None:
    """Write the files, never over an existing one; after a failure none is left. Raises FolderNotMade."""
    new: list[Path] = []
    try:
        for name, text in files_by_path.items():
            target = path / name
            for folder in reversed(target.parents):
                if not folder.exists():
                    folder.mkdir(SCRIPT_MODE)
                    new.append(folder)
            mode = PRIVATE_MODE if name == ".env" else SCRIPT_MODE if text.startswith("#!") else PLAIN_MODE
            number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            new.append(target)
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        for created in reversed(new):
            created.rmdir() if created.is_dir() else created.unlink()
        raise FolderNotMade(folder=path, reason=error.strerror) from None

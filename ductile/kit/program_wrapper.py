"""The files of a plugin that runs an existing program. Nothing is written."""

import json
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from ductile.document.read import read_text
from ductile.kit.errors import CannotWrap
from ductile.kit.template import PluginFile
from ductile.plugin.discovery import MANIFEST_FILE
from ductile.plugin.manifest_parser import parse_manifest
from ductile.plugin.trusted_path import Untrusted, check_way, gateway_owners

ENTRYPOINT = "run.sh"
DEFAULT_COMMAND = "run"
DEFAULT_TYPE = "write"

_HEAD_TEMPLATE = """\
manifest_spec: ductile.plugin
manifest_version: 1
name: {name}
entrypoint: {entrypoint} # runs {program}
output: text # stdout is the result, and the exit code the verdict: 0 is a success, each other an error
"""
_ARGS_COMMENT = """\

# Arguments from the payload, each as one argument and through no shell; [brackets] are left out without a value:
# commands:
#   - name: run
#     args: [--verbose, "--host={payload.host}", [--, "{payload.file}"]]
"""
_COMMAND_TEMPLATE = """\
commands:
  - name: {command}
    type: {type}
"""
_NAGIOS_EXIT_CODES = """\
exit_codes: # those of monitoring checks
  1: {status: ok, name: warning}
  2: {status: error, name: critical}
  3: {status: error, name: unknown}
"""
_NON_NAME_CHARS = re.compile(r"[^a-z0-9_]+")


class Wrapping(Struct, frozen=True, kw_only=True):
    """How a program is wrapped."""

    name: str
    args: tuple[str, ...] = ()
    """Templates, as `args` of a manifest has them."""
    command: str = DEFAULT_COMMAND
    type: str = DEFAULT_TYPE
    nagios: bool = False
    """Whether the program has the exit codes of monitoring checks."""


def find_program(program: str) -> Path:
    """The program that a word names: a path, or a name on the PATH. Raises NotWrapped."""
    program_path = program if "/" in program else shutil.which(program)
    if program_path is None:
        hint = f"; there is ./{program} here" if Path(program).exists() else ""
        raise CannotWrap(program=program, reason=f"it is not on the PATH; give its path{hint}")
    path = Path(os.path.normpath(Path(program_path).absolute()))
    if not path.is_file():
        raise CannotWrap(program=path, reason="it is no file" if path.exists() else "it does not exist")
    if not os.access(path, os.X_OK):
        raise CannotWrap(program=path, reason=f"it is not executable; run `chmod +x {shlex.quote(str(path))}`")
    try:
        check_way(str(path), gateway_owners())
    except Untrusted as error:
        raise CannotWrap(program=path, reason=f"somebody else could change what runs: {error}") from None
    return path


def plugin_name_of(program: Path) -> str:
    """A plugin's name from that of the program: `check_disk.sh` is `check_disk`."""
    return _NON_NAME_CHARS.sub("-", program.name.partition(".")[0].lower()).strip("-_")


def wrapper_files(program: Path, wrapping: Wrapping) -> dict[str, PluginFile]:
    """Path below the plugin's folder → file. Raises NotWrapped where the manifest would be wrong."""
    text = _manifest(program, wrapping)
    _, problems = parse_manifest(read_text(text, file=MANIFEST_FILE))
    for problem in problems:
        raise CannotWrap(program=program, reason=problem.message)
    script = f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n'
    return {MANIFEST_FILE: PluginFile(text=text), ENTRYPOINT: PluginFile(text=script)}


def _manifest(program: Path, wrapping: Wrapping) -> str:
    quoted_program = json.dumps(str(program), ensure_ascii=False).strip('"')
    text = _HEAD_TEMPLATE.format(name=wrapping.name, entrypoint=ENTRYPOINT, program=quoted_program)
    text += _NAGIOS_EXIT_CODES if wrapping.nagios else ""
    if (wrapping.args, wrapping.command, wrapping.type) == ((), DEFAULT_COMMAND, DEFAULT_TYPE):
        return text + _ARGS_COMMENT
    text += _COMMAND_TEMPLATE.format(command=wrapping.command, type=wrapping.type)
    return text + (f"    args: {_flow_list(wrapping.args)}\n" if wrapping.args else "")


def _flow_list(texts: Sequence[str]) -> str:
    """A list on one line; JSON's quotes are YAML's too."""
    return f"[{', '.join(json.dumps(text, ensure_ascii=False) for text in texts)}]"

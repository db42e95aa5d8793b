"""What variables give, as the schemas of plugins want it; and the notes on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ductile.config.compile import Compiled

Compile = Callable[..., Compiled]

MANIFEST = """\
manifest_spec: ductile.plugin
manifest_version: 1
name: typed
version: 1.0.0
protocol: 2
entrypoint: run
commands:
  - name: poll
    type: write
    input_schema: {account: string, count: integer}
"""
TEXT = """\
plugin_roots: [plugins]
plugins:
  typed:
    schedules:
      - {every: 1h, payload: {account: "x", count: 1}}
      - id: given
        every: 1h
        payload:
          account: ${ACCOUNT}
          count: ${COUNT}
          free: ${COUNT}
"""


@pytest.fixture
def typed(compile_yaml: Compile, tmp_path: Path) -> Path:  # noqa: ARG001 - which makes the folder
    folder = tmp_path / "plugins/typed"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yaml").write_text(MANIFEST)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    return folder


@pytest.mark.usefixtures("typed")
def test_a_schedules_payload_is_what_the_command_takes(compile_yaml: Compile) -> None:
    compiled = compile_yaml(TEXT, {"ACCOUNT": "12345678", "COUNT": "007"})
    assert compiled.snapshot is not None, compiled.problems
    payloads = {one.id: one.payload for one in compiled.snapshot.schedules}
    assert payloads["typed/given"] == {"account": "12345678", "count": 7, "free": "007"}
    at = ("plugins", "typed", "schedules", 1, "payload", "count")
    assert [(note.path, note.severity) for note in compiled.notes] == [(at, "note")]
    assert compiled.errors == ()


@pytest.mark.usefixtures("typed")
def test_an_alias_is_typed_by_its_plugin(compile_yaml: Compile) -> None:
    text = TEXT.replace("  typed:\n", "  other:\n    uses: typed\n")
    compiled = compile_yaml(text, {"ACCOUNT": "12345678", "COUNT": "7"})
    assert compiled.snapshot is not None, compiled.problems
    payloads = {one.id: one.payload for one in compiled.snapshot.schedules}
    assert payloads["other/given"] == {"account": "12345678", "count": 7, "free": 7}

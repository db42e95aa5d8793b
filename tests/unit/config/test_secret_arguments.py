"""A secret under a harmless key reaches no program as an argument."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ductile.config.compile import Compiled

MANIFEST = """
manifest_spec: ductile.plugin
manifest_version: 1
name: probe
entrypoint: run
output: text
commands:
  - name: check
    args: [--host, "{config.host}", "{config.hosts}", [--first, "{config.hosts.0}"], [-n, "{config.number}"]]
    stdin: "{config.text}"
config_keys: {optional: [host, hosts, number, text]}
"""
SECRET = "correct-horse-battery"


@pytest.fixture
def probe(tmp_path: Path, compile_yaml: Callable[..., Compiled]) -> Callable[[str], Compiled]:
    folder = tmp_path / "probes/probe"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(MANIFEST)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (tmp_path / "key").write_text(f"{SECRET}\n")
    (tmp_path / "number").write_text("4711\n")

    def compiled(config: str) -> Compiled:
        config = config.replace("KEY", f"'${{file:{tmp_path}/key}}'").replace(
            "NUMBER", f"'${{file:{tmp_path}/number}}'"
        )
        text = f"plugin_roots: [probes]\nplugins:\n  probe:\n    config: {config}\n"
        return compile_yaml(text, {"DB": "postgres://me:pass-word-9@db/x"})

    return compiled


@pytest.mark.parametrize(
    ("config", "key", "column"),
    [
        ("{host: KEY, hosts: []}", "host", 20),
        ("{host: a, hosts: [b, KEY]}", "hosts", 30),
        ("{host: '${DB}', hosts: []}", "host", 20),
        ("{host: a, hosts: [], number: NUMBER}", "number", 42),
    ],
)
def test_a_secret_quarantines_the_plugin_and_is_not_shown(
    probe: Callable[[str], Compiled], config: str, key: str, column: int
) -> None:
    compiled = probe(config)
    assert compiled.snapshot is not None
    assert "probe" in compiled.snapshot.unusable
    (problem,) = [str(one) for one in compiled.problems if one.code == "secret_in_args"]
    assert problem.startswith(f"config.yaml:4:{column}: warning[secret_in_args]: plugin `probe` is quarantined: ")
    assert f"`config.{key}` is a secret or holds one" in problem
    assert "`check`" in problem
    assert "`stdin`" in problem
    assert SECRET not in problem


@pytest.mark.parametrize("config", ["{host: a, hosts: [b], number: 4712, text: a}", "{host: a, hosts: [b], text: KEY}"])
def test_what_is_no_secret_or_goes_by_stdin_is_taken(probe: Callable[[str], Compiled], config: str) -> None:
    compiled = probe(config)
    assert compiled.snapshot is not None
    assert "probe" in compiled.snapshot.plugins, compiled.problems

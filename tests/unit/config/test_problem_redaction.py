"""What is said of a configuration holds none of its secrets, also where the configuration is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ductile.config.compile import Compiled

Compile = Callable[..., Compiled]
BASE = "plugin_roots: [plugins]\n"
SECRET = "12345678901234"
URL = "db://app:a-long-password@host"


@pytest.mark.parametrize(
    "text",
    [
        "api: {auth: {tokens: [{token: ${T}}]}}",
        "api: {auth: {tokens: [{token: 12345678901234}]}}",
        "api: {auth: {tokens: [{token: t-12345678901234, scopes: [t-12345678901234]}]}}",
        "service: {max_workers: '${T}', name: {password: '${T}'}}\nplugins: {worker: {config: {password: '${T}'}}}",
        "plugins: {picky: {config: {folder: x, phrase: 12345678901234}}}",
        "service: {tick_interval: '${file:long}'}",
        "service: {log_level: 'db://app:12345678901234@host'}",
        "plugins: {worker: {max_attempts: {password: 12345678901234}, config: {password: [12345678901234]}}}",
        "service: {drain_timeout: '${DB_PASSWORD}'}",
    ],
)
def test_no_problem_holds_a_secret(compile_yaml: Compile, tmp_path: Path, text: str) -> None:
    (tmp_path / "long").write_text(f"{SECRET}{'x' * 100}")
    compiled = compile_yaml(f"{BASE}{text}\n", {"T": SECRET, "DB_PASSWORD": SECRET})
    lines = [*map(str, compiled.problems), *(str(one.public()) for one in compiled.problems)]
    assert lines
    assert not [line for line in lines if SECRET in line or "1234567890" in line]


def test_a_short_value_is_hidden_by_its_name(compile_yaml: Compile) -> None:
    (problem,) = compile_yaml(f"{BASE}api: {{auth: {{tokens: [{{token: 4711, scopes: ['*']}}]}}}}\n").errors
    assert "4711" not in problem.message
    assert "`[REDACTED]`" in problem.message


def test_why_a_plugin_is_quarantined_holds_no_secret(compile_yaml: Compile) -> None:
    compiled = compile_yaml(
        "plugin_roots: [plugins, faulty]\n"
        f"plugins: {{picky: {{config: {{folder: [a-secret-phrase], phrase: a-secret-phrase, limit: '{URL}'}}}}}}\n"
    )
    assert compiled.snapshot is not None, compiled.errors
    reason = compiled.snapshot.unusable["picky"].reason
    assert reason
    assert "a-secret-phrase" not in reason
    assert "a-long-password" not in str([*compiled.problems, reason])

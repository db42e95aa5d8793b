"""`ductile system`: what it calls and prints."""

import json
import os
from pathlib import Path

import pytest
from support.cli import FakeGateway

from ductile.cli.core.gateway import process
from ductile.cli.main import main
from ductile.client import Unreachable
from ductile.store.sqlite.lock import StateLock

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("verb", ["reload", "pause", "resume", "stop"])
def test_an_order_can_be_tried_without_being_carried_out(gateway: FakeGateway, verb: str, capsys: Captured) -> None:
    gateway.answers[verb] = {"dry_run": True}
    assert main(["system", verb, "--dry-run"]) == 0
    assert main(["system", verb]) == 0
    more = {"force": False} if verb == "reload" else {}
    assert gateway.calls == [(verb, (), {"dry_run": True, **more}), (verb, (), {"dry_run": False, **more})]
    assert '"dry_run": true' in capsys.readouterr().out


def test_skills_are_a_table_a_document_or_the_page_for_agents(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["skills"] = [{"name": "plugin.echo.poll", "tier": "READ", "endpoint": "/plugin/echo/poll"}]
    gateway.answers["skills_markdown"] = "# Skills\n"
    assert main(["system", "skills", "--format", "table"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["plugin.echo.poll", "READ", "/plugin/echo/poll"]
    assert main(["system", "skills"]) == 0
    assert json.loads(capsys.readouterr().out) == {"skills": gateway.answers["skills"]}
    assert main(["system", "skills", "--markdown"]) == 0
    assert capsys.readouterr().out == "# Skills\n"
    assert main(["system", "skills", "--markdown", "--json"]) == 2


def test_status_waits_until_the_gateway_is_ready(gateway: FakeGateway, capsys: Captured) -> None:
    answers = iter([Unreachable(url="u", reason="r"), {"queue_depth": None}, {"queue_depth": 0}])
    gateway.answers["health"] = lambda: next(answers)
    assert main(["system", "status", "--wait"]) == 0
    assert json.loads(capsys.readouterr().out) == {"queue_depth": 0}


def test_a_wait_that_is_too_short_ends_with_6(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["health"] = Unreachable(url="u", reason="r")
    assert main(["system", "status", "--wait", "--timeout", "1ms", "--json"]) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"] == "waited_too_long"


def test_stop_waits_until_nobody_answers(gateway: FakeGateway, capsys: Captured) -> None:
    answers = iter([{"queue_depth": 0}, {"queue_depth": 0}, Unreachable(url="u", reason="r")])
    gateway.answers["health"] = lambda: next(answers)
    gateway.answers["stop"] = {"status": "stopping"}
    assert main(["system", "stop", "--wait", "--url", "http://127.0.0.1:1", "--token", "t"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "stopped"}
    assert [name for name, _, _ in gateway.calls] == ["health", "stop", "health", "health"]


def test_a_dry_stop_waits_for_nothing(gateway: FakeGateway) -> None:
    gateway.answers["stop"] = {"status": "stopping", "dry_run": True}
    assert main(["system", "stop", "--wait", "--dry-run"]) == 0
    assert [name for name, _, _ in gateway.calls] == ["stop"]


def test_stop_waits_until_the_process_has_let_go_of_its_state(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("state: {path: s.db}\n")
    (tmp_path / "s.db.lock").write_text("7\n")
    answers = iter([{"config_path": str(tmp_path)}])
    gateway.answers["health"] = lambda: next(answers, Unreachable(url="u", reason="r"))
    gateway.answers["stop"] = {"status": "stopping"}
    looks: list[str | None] = []

    def holder(file: Path) -> str | None:
        looks.append({0: "7", 1: "7", 2: "7"}.get(len(looks)))
        assert file == tmp_path / "s.db.lock"
        return looks[-1]

    monkeypatch.setattr(process, "lock_holder", holder)
    assert main(["system", "stop", "--wait", "--url", "http://127.0.0.1:1", "--token", "t"]) == 0
    assert looks == ["7", "7", "7", None]


def test_who_holds_a_lock_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "state.db.lock"
    assert process.lock_holder(file) is None
    with StateLock(tmp_path / "state.db"):
        assert process.lock_holder(file) == str(os.getpid())
    assert process.lock_holder(file) is None


def test_a_reload_shows_people_its_warnings_where_there_are_any(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["reload"] = {"status": "ok", "changes": ["plugins.a"], "warnings": []}
    assert main(["system", "reload", "--format", "table"]) == 0
    assert capsys.readouterr().out == "status:  ok\nchanges: plugins.a\n"
    assert main(["system", "reload", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == []
    gateway.answers["reload"] = {"status": "ok", "warnings": ["a.yaml:1:2: warning[x]: it is so"]}
    assert main(["system", "reload", "--format", "table"]) == 0
    assert capsys.readouterr().out == "status:   ok\nwarnings:\n  a.yaml:1:2: warning[x]: it is so\n"

"""`ductile api`."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.main import main
from ductile.client import Answer

Captured = pytest.CaptureFixture[str]


def answer(status: int = 200, body: Any = None) -> Answer:
    return Answer(status=status, headers={"ETag": '"x"'}, body={"jobs": []} if body is None else body)


def test_the_body_is_the_data(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["raw"] = answer()
    assert main(["api", "get", "/jobs?limit=5"]) == 0
    name, given, named = gateway.calls[0]
    assert (name, given, named["body"], named["headers"]) == ("raw", ("GET", "/jobs?limit=5"), None, {})
    assert json.loads(capsys.readouterr().out) == {"jobs": []}
    gateway.answers["raw"] = answer(body="# Skills")
    assert main(["api", "GET", "/skills", "--header", "Accept: text/markdown", "--header", "X-A:b"]) == 0
    assert gateway.calls[1][2]["headers"] == {"Accept": "text/markdown", "X-A": "b"}
    assert capsys.readouterr().out == "# Skills\n"


def test_status_and_headers_come_with_include(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["raw"] = answer(body="")
    assert main(["api", "HEAD", "/jobs"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["api", "HEAD", "/jobs", "--include"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": 200, "headers": {"ETag": '"x"'}, "body": ""}
    gateway.answers["raw"] = answer(body={"a": 1})
    assert main(["api", "GET", "/jobs", "--include", "--format", "table"]) == 0
    assert capsys.readouterr().out == 'HTTP 200\nETag: "x"\n\na: 1\n'


@pytest.mark.parametrize(
    ("status", "code"), [(200, 0), (304, 0), (400, 1), (401, 4), (403, 4), (404, 3), (409, 1), (422, 78), (503, 1)]
)
def test_the_exit_code_is_by_the_status_and_the_error_is_the_data(
    gateway: FakeGateway, status: int, code: int, capsys: Captured
) -> None:
    gateway.answers["raw"] = answer(status, {"error": "e"})
    assert main(["api", "GET", "/x"]) == code
    assert json.loads(capsys.readouterr().out) == {"error": "e"}


def test_the_body_may_be_given_a_file_or_stdin(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.answers["raw"] = answer()
    (tmp_path / "b").write_bytes(b"\xff\x00")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"[2]")))
    for given in ('{"a": 1}', f"@{tmp_path}/b", "-", "no json"):
        assert main(["api", "POST", "/x", "--data", given]) == 0
    assert [named["body"] for _, _, named in gateway.calls] == [b'{"a": 1}', b"\xff\x00", b"[2]", b"no json"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["GET", "jobs"], "PATH must begin with a slash"),
        (["GET", "/x", "--header", "nothing"], "--header takes NAME: VALUE"),
        (["GET", "/x", "--header", ": x"], "--header takes NAME: VALUE"),
        (["POST", "/x", "--data", "@/no/such"], "--data @/no/such cannot be read"),
        (["POST", "/x", "--data", "@a\0b"], "cannot be read"),
    ],
)
def test_a_call_that_makes_no_sense_is_not_made(
    gateway: FakeGateway, line: list[str], said: str, capsys: Captured
) -> None:
    assert main(["api", *line]) == 2
    assert said in capsys.readouterr().err
    assert gateway.calls == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/jobs?plugin=a b&x=ä", "/jobs?plugin=a%20b&x=%C3%A4"),
        ("/plugin/a%2Fb", "/plugin/a%2Fb"),
        ("/a\nb\udcff", "/a%0Ab%FF"),
    ],
)
def test_a_path_is_sent_as_it_is_but_for_what_no_path_can_hold(gateway: FakeGateway, path: str, sent: str) -> None:
    gateway.answers["raw"] = answer()
    assert main(["api", "GET", path]) == 0
    assert gateway.calls[0][1] == ("GET", sent)


def test_an_unprintable_answer_does_not_reach_the_terminal_as_it_is(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["raw"] = answer(body={"a": "\x1b[31m"})
    assert main(["api", "GET", "/x", "--format", "table"]) == 0
    assert "\x1b" not in capsys.readouterr().out

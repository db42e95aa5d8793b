"""What every command does with its data, its sentences and its errors."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from support.cli import FakeGateway

from ductile.cli.core.errors import OutputFailed, UsageError, WaitedTooLong
from ductile.cli.core.output import Output
from ductile.cli.main import main
from ductile.client import Unreachable

Captured = pytest.CaptureFixture[str]
ROWS = [{"name": "a", "tags": ["x", "y"]}, {"name": "b", "tags": None}]
COLUMNS = {"NAME": "name", "TAGS": "tags", "LOUD": lambda row: row["name"].upper()}


def test_rows_look_as_the_format_says(capsys: Captured) -> None:
    shown = {}
    for format_ in ("table", "list", "json", "yaml"):
        Output(format_=format_).print_rows(COLUMNS, ROWS, document={"rows": ROWS})
        shown[format_] = capsys.readouterr().out
    assert shown["table"] == "NAME  TAGS  LOUD\na     x, y  A\nb           B\n"
    assert shown["list"] == "NAME: a\nTAGS: x, y\nLOUD: A\n\nNAME: b\nTAGS:\nLOUD: B\n"
    assert json.loads(shown["json"]) == yaml.safe_load(shown["yaml"]) == {"rows": ROWS}


def test_nothing_is_an_empty_list_to_a_program_and_headings_to_people(capsys: Captured) -> None:
    for format_, shown in (("table", "NAME  TAGS  LOUD\n"), ("list", ""), ("json", "[]\n"), ("yaml", "[]\n")):
        Output(format_=format_).print_rows(COLUMNS, [])
        assert capsys.readouterr().out == shown


def test_any_value_finds_its_shape(capsys: Captured) -> None:
    for value, shown in (
        ("text", "text\n"),
        (3, "3\n"),
        (["a", "b"], "a\nb\n"),
        ({"a": 1}, "a: 1\n"),
        ([{"a": 1}, {"b": 2}], "A  B\n1\n   2\n"),
    ):
        Output(format_="table").print_value(value)
        assert capsys.readouterr().out == shown
        Output(format_="json").print_value(value)
        assert json.loads(capsys.readouterr().out) == value


def test_lines_are_for_people_and_their_document_for_programs(capsys: Captured) -> None:
    Output(format_="list").print_lines(["a\x1b", "b"], document={"n": 2})
    assert capsys.readouterr().out == "a\\x1b\nb\n"
    Output(format_="json").print_lines(["a", "b"], document={"n": 2})
    assert json.loads(capsys.readouterr().out) == {"n": 2}
    Output(format_="yaml").print_lines(["a", "b"])
    assert yaml.safe_load(capsys.readouterr().out) == ["a", "b"]


def test_a_document_is_as_it_is_where_no_format_was_asked_for(capsys: Captured) -> None:
    Output().print_text("# Title")
    assert capsys.readouterr().out == "# Title\n"
    Output(json=True).print_text("# Title", document={"markdown": "# Title"})
    assert json.loads(capsys.readouterr().out) == {"markdown": "# Title"}


def test_a_stream_is_a_line_an_item(capsys: Captured) -> None:
    for format_, shown in (("table", "one\n"), ("json", '{"a":1}\n'), ("yaml", "---\na: 1\n")):
        Output(format_=format_).print_item({"a": 1}, line="one")
        assert capsys.readouterr().out == shown


def test_quiet_says_nothing_and_verbose_more(capsys: Captured) -> None:
    for options, said in (({}, "a\n"), ({"quiet": True}, ""), ({"verbose": True}, "a\nb\n")):
        out = Output(**options)  # type: ignore[arg-type]  # a table of keywords
        out.tell("a")
        out.tell_detail("b")
        assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "options",
    [
        {"format_": "xml"},
        {"format_": "yaml", "json": True},
        {"quiet": True, "verbose": True},
        {"timeout": "3s"},
        {"timeout": "soon", "wait": True},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Output(**options)


def test_a_file_is_written_once_the_command_has_ended_well(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "out"
    with Output(output=str(file)) as out:
        out.print_value({"a": 1})
        assert not file.exists()
    assert json.loads(file.read_text()) == {"a": 1}
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def end(file: Path, error: BaseException) -> None:
    """A command that has printed its data and ends so."""
    with Output(output=str(file)) as out:
        out.print_value(1)
        raise error


@pytest.mark.parametrize("error", [typer.Exit(1), WaitedTooLong(what="x", waited="1s", then="y")])
def test_data_of_a_command_that_ends_with_another_code_is_written(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        end(tmp_path / "out", error)
    assert (tmp_path / "out").read_text() == "1\n"


@pytest.mark.parametrize("error", [UsageError(reason="x"), KeyboardInterrupt(), RuntimeError()])
def test_after_an_error_the_old_file_is_as_it_was_and_nothing_is_left(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "out"
    file.write_text("old")
    with pytest.raises(type(error)):
        end(file, error)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["no/such/folder", "folder", ""])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(
    gateway: FakeGateway, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["system", "stop", "--output", name]) == 1
    assert gateway.calls == []
    assert capsys.readouterr().err.startswith("ductile: The output cannot be written to")
    with pytest.raises(OutputFailed):
        Output(output=name)


def test_a_device_is_written_to_and_not_replaced() -> None:
    with Output(output="/dev/null") as out:
        out.print_value(1)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_dash_is_stdout(capsys: Captured) -> None:
    with Output(output="-") as out:
        out.print_value(1)
    assert capsys.readouterr().out == "1\n"


def test_each_http_call_is_told_of_with_verbose(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCTILE_TOKEN", "t")
    assert main(["system", "status", "--url", "http://127.0.0.1:1", "--verbose"]) == 7
    assert capsys.readouterr().err.startswith("GET http://127.0.0.1:1/healthz: Connection refused, after ")


def test_an_error_is_json_where_json_was_asked_for(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["job"] = Unreachable(url="http://x", reason="gone")
    for options in (["--json"], ["--format", "json"], ["--format=json"]):
        assert main(["job", "inspect", "j", *options]) == 7
        captured = capsys.readouterr()
        assert json.loads(captured.err).keys() == {"error", "message", "details"}
        assert captured.out == ""
    for options in ([], ["--format", "yaml"], ["--", "--json"]):
        assert main(["job", "inspect", *options[:1], *(["j"] if "--" not in options else []), *options[1:]]) in {2, 7}
        assert not capsys.readouterr().err.startswith("{")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (["systen"], "did you mean `ductile system`?"),
        (["relaod"], "did you mean `ductile system reload`?"),
        (["system", "relaod"], "Did you mean 'reload'?"),
        (["system", "status", "--jsn"], "--json"),
    ],
)
def test_a_typo_is_answered_with_what_was_probably_meant(line: list[str], hint: str, capsys: Captured) -> None:
    assert main(line) == 2
    captured = capsys.readouterr()
    assert hint in captured.err
    assert captured.out == ""


def test_a_full_disk_behind_stdout_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ductile.cli.main", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("ductile: The output cannot be written to stdout: No space left on device. ")


def test_a_reader_that_goes_is_no_traceback() -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m ductile.cli.main plugin run --help | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("environ", "styles"),
    [({"TERM": "xterm"}, 1), ({"TERM": "xterm", "NO_COLOR": "1"}, 0), ({"TERM": "dumb"}, 0)],
)
def test_a_terminal_gets_a_table_with_style_unless_it_wants_none(
    environ: dict[str, str], styles: int, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = Output()
    assert out.format == "table"
    out.print_rows(COLUMNS, [{"name": "evil\x1b[2J", "tags": None}])
    shown = capsys.readouterr().out
    assert min(shown.count("\x1b[1m"), 1) == styles
    assert "evil\\x1b[2J" in shown
    out.print_text("evil\x1b[2J")
    assert capsys.readouterr().out == "evil\\x1b[2J\n"

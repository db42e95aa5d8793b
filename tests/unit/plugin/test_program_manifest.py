"""Plain programs in a manifest: what is read of them, and where what is wrong with them stands."""

import re
from typing import Any

import pytest

from ductile.document.read import read_text
from ductile.model.manifest import Manifest
from ductile.model.program import ExitCode
from ductile.plugin.manifest_parser import parse_manifest
from ductile.plugin.program_input import BadArgument, program_arguments, program_stdin

HEAD = """\
manifest_spec: ductile.plugin
manifest_version: 1
name: disk
entrypoint: check.sh
output: text
"""


def parsed(text: str) -> tuple[Manifest | None, list[str]]:
    found, problems = parse_manifest(read_text(text, file="m.yaml"))
    return found, [str(problem) for problem in problems]


def manifest(text: str) -> Manifest:
    found, problems = parsed(text)
    assert problems == []
    assert found is not None
    return found


def only(text: str) -> str:
    found, (problem,) = parsed(text)
    assert found is None
    return problem


def command(args: str, *, schema: str = "", more: str = "") -> str:
    lines = f"  - name: check\n    args: {args}\n"
    lines += f"    input_schema: {schema}\n" if schema else ""
    return f"{HEAD}commands:\n{lines}{more}"


def given(args: str, payload: dict[str, Any], *, schema: str = "", config: dict[str, Any] | None = None) -> list[str]:
    program = manifest(command(args, schema=schema)).commands["check"].program
    assert program is not None
    return list(program_arguments(program, {"payload": payload, "config": config or {}}))


def test_five_lines_are_a_manifest_with_one_command() -> None:
    found = manifest(HEAD)
    assert (found.name, found.version, found.protocol, list(found.commands)) == ("disk", "0", 2, ["run"])
    run = found.commands["run"]
    assert run.program is not None
    assert (run.program.groups, run.program.stdin) == ((), None)
    assert run.output_schema == {"type": "string"}
    assert found.has_programs


def test_one_command_of_a_plugin_may_be_a_plain_program() -> None:
    text = HEAD.replace("output: text", "version: '1'\nprotocol: 2")
    found = manifest(text + "commands:\n  - {name: poll}\n  - {name: health, output: text}\n")
    assert [name for name, one in found.commands.items() if one.program] == ["health"]


def test_a_whole_plugin_of_plain_programs_may_have_a_command_that_answers_in_json() -> None:
    found = manifest(HEAD + "commands:\n  - {name: run}\n  - {name: handle, output: json}\n")
    assert [name for name, one in found.commands.items() if one.program] == ["run"]


def test_without_output_text_nothing_may_be_left_out() -> None:
    _, problems = parsed(HEAD.replace("output: text\n", ""))
    assert [problem.split("needs ")[1] for problem in problems] == ["`version`", "`protocol`", "`commands`"]


def test_exit_codes_of_a_command_go_over_those_of_the_plugin() -> None:
    found = manifest(
        HEAD
        + "exit_codes: {1: {status: ok, name: warning}, 2: {status: error, name: critical}}\n"
        + "commands:\n  - {name: check, exit_codes: {2: {status: ok}, 0: {status: error, retry: false}}}\n"
    )
    check = found.commands["check"]
    assert check.program is not None
    assert check.program.exit_codes == {
        1: ExitCode(ok=True, name="warning"),
        2: ExitCode(ok=True),
        0: ExitCode(ok=False, retry=False),
    }
    assert check.emits == {
        "disk.warning": ("payload.result", "payload.exit_code", "payload.exit_name", "payload.command")
    }


@pytest.mark.parametrize(
    ("args", "payload", "argv"),
    [
        ("[--host, '{payload.host}']", {"host": "a"}, ["--host", "a"]),
        ("['--host={payload.host}']", {"host": "-x"}, ["--host=-x"]),
        ("['-H{payload.host}']", {"host": "-x"}, ["-H-x"]),
        ("['{payload.text}']", {"text": "$(id) `id`; rm -rf / && \"' *\n"}, ["$(id) `id`; rm -rf / && \"' *\n"]),
        ("['{payload.text}']", {"text": ""}, [""]),
        ("[--, '{payload.text}']", {"text": "-rf"}, ["--", "-rf"]),
        ("[[--, '{payload.text}']]", {"text": "-rf"}, ["--", "-rf"]),
        (
            "['{payload.n}', '{payload.x}', '{payload.yes}']",
            {"n": 10**20, "x": 1.5, "yes": True},
            ["1" + "0" * 20, "1.5", "true"],
        ),
        ("[5, 1.5, '{{{payload.n}}}']", {"n": 0}, ["5", "1.5", "{0}"]),
        ("[run, [-p, '{payload.port}']]", {"port": 80}, ["run", "-p", "80"]),
        ("[run, [-p, '{payload.port}']]", {}, ["run"]),
        ("[run, [-p, '{payload.port}']]", {"port": None}, ["run"]),
        ("[run, [-p, '{payload.port}']]", {"port": []}, ["run"]),
        ("[{when: payload.v, args: [-v]}]", {"v": True}, ["-v"]),
        ("[{when: '{payload.v}', args: [-v]}]", {"v": False}, []),
        ("[{when: payload.v, args: [-v, '{payload.n}']}]", {"v": True}, []),
        ("['{payload.a.b.1}']", {"a": {"b": [1, 2]}}, ["2"]),
    ],
)
def test_arguments_are_filled_from_the_payload(args: str, payload: dict[str, Any], argv: list[str]) -> None:
    assert given(args, payload) == argv


def test_a_list_is_an_argument_for_each_item() -> None:
    schema = "{files: array}"
    assert given("[cat, '{payload.files}']", {"files": ["a", "b c"]}, schema=schema) == ["cat", "a", "b c"]


def test_a_default_of_the_schema_stands_for_what_is_not_there() -> None:
    schema = "{type: object, properties: {port: {type: integer, default: 80}}}"
    assert given("['{payload.port}']", {}, schema=schema) == ["80"]
    found = manifest(command("['{payload.port}']", schema=schema)).commands["check"]
    assert "required" not in (found.input_schema or {})


@pytest.mark.parametrize(
    ("args", "payload", "says"),
    [
        ("['{payload.text}']", {"text": "-rf"}, "`payload.text` begins with `-`"),
        ("[--force, '{payload.text}']", {"text": "--help"}, "`payload.text` begins with `-`"),
        ("['{payload.n}']", {"n": -1}, "`payload.n` begins with `-`"),
        ("['{payload.text}=x']", {"text": "-a"}, "`payload.text` begins with `-`"),
        ("['{payload.files}']", {"files": ["a", "-rf"]}, "`payload.files` begins with `-`"),
        ("['-H{payload.text}', x]", {"text": ""}, "`payload.text` is empty"),
        ("['x{payload.text}']", {"text": "a\0b"}, "`payload.text` has a NUL character"),
        ("['x{payload.text}']", {"text": "ü" * 65_536}, "an argument of 131,073 bytes"),
        ("['x{payload.text}']", {"text": [1]}, "`payload.text` is a list"),
        ("['{payload.text}']", {"text": {"a": 1}}, "`payload.text` is an object"),
        ("['{payload.text}']", {"text": [[1]]}, "`payload.text` is a list"),
        ("['{payload.text}']", {}, "there is no `payload.text`"),
        ("['{payload.text}']", {"text": None}, "there is no `payload.text`"),
        ("[{when: payload.v, args: [-v]}]", {"v": "yes"}, "`payload.v` is text; `when` needs true or false"),
    ],
)
def test_what_cannot_be_an_argument_is_refused(args: str, payload: dict[str, Any], says: str) -> None:
    with pytest.raises(BadArgument, match=re.escape(says)):
        given(args, payload)


@pytest.mark.parametrize(
    ("stdin", "payload", "read"),
    [
        ("{payload.text}", {"text": "-rf ☃\n"}, "-rf ☃\n"),
        ("{payload}", {"a": [1, None]}, '{"a":[1,null]}'),
        ("a {payload.n} b {config.password}", {"n": {"x": 1}}, 'a {"x":1} b hunter2'),
    ],
)
def test_stdin_is_filled_too(stdin: str, payload: dict[str, Any], read: str) -> None:
    program = manifest(f"{HEAD}commands:\n  - name: run\n    stdin: '{stdin}'\n").commands["run"].program
    assert program is not None
    assert program_stdin(program, {"payload": payload, "config": {"password": "hunter2"}}) == read.encode()


def test_the_input_schema_is_made_from_what_is_referred_to() -> None:
    schema = manifest(command("['{payload.a.b}', [-p, '{payload.port}'], {when: payload.v, args: [-v]}]")).commands
    one = {"type": ["string", "number", "boolean"]}
    assert schema["check"].input_schema == {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"b": one}, "required": ["b"]},
            "port": one,
            "v": one,
        },
        "required": ["a"],
    }


def test_what_must_be_given_is_required_by_the_schema_that_the_manifest_has() -> None:
    found = manifest(command("['{payload.host}', [-p, '{payload.port}']]", schema="{host: string, port: integer}"))
    assert (found.commands["check"].input_schema or {})["required"] == ["host"]


def test_configuration_that_a_program_needs_is_required() -> None:
    assert manifest(command("['{config.host}', ['{config.port}']]")).required_config == ("host",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            command("[--host, '{payload.hots}']", schema="{host: string}"),
            (
                "m.yaml:8:20: error[unknown_reference]: `{payload.hots}` names nothing that `input_schema` has; "
                "did you mean `host`?"
            ),
        ),
        (
            command("[[-p, '{config.prot}']]", more="config_keys: {optional: [port]}\n"),
            (
                "m.yaml:8:12: error[unknown_reference]: `{config.prot}` names nothing that `config_keys` or "
                "`config_schema` has; did you mean `port`?"
            ),
        ),
        (command("[{payload.host}]"), "m.yaml:8:12: error[bad_value]: `args[0]` must be text: put quotes around"),
        (command("['{paylod.host}']"), "m.yaml:8:12: error[bad_value]: `args[0]`: `{paylod.host}` is no reference"),
        (command("['{payload.host']"), "m.yaml:8:12: error[bad_value]: `args[0]`: the `{` at character 1"),
        (command("['{payload}']"), "`args[0]` cannot be `{payload}`: an argument holds single values"),
        (command("['--{payload.x}=1']"), "a value may not name an option"),
        (command("['-{payload.x}']"), "a value may not name an option"),
        (command("[true]"), "`args[0]` must be text, not `true`; put quotes around it"),
        (command("[[]]"), "`args[0]` must not be an empty list"),
        (command("[{when: payload.v}]"), "must be text, a list, or a map such as {when:"),
        (command("['{payload.o}']", schema="{o: object}"), "`{payload.o}` is an object"),
        (command("['{config.api_key}']"), "error[secret_in_args]: `{config.api_key}` is a secret"),
        (
            command("['{config.pin}']", more="config_schema: {properties: {pin: {writeOnly: true}}, type: object}\n"),
            "error[secret_in_args]: `{config.pin}` is a secret",
        ),
        (f"{HEAD}lifecycle: persistent\n", "m.yaml:6:12: error[bad_value]: `lifecycle: persistent` is for"),
        (f"{HEAD}exit_codes: {{256: {{status: ok}}}}\n", "`256` is no exit code: those are 0 to 255"),
        (f"{HEAD}exit_codes: {{1: {{status: maybe}}}}\n", "`status` must be `ok` or `error`, not `maybe`"),
        (f"{HEAD}exit_codes: {{1: {{}}}}\n", "an exit code needs `status`"),
        (f"{HEAD}exit_codes: {{1: {{status: ok, nmae: x}}}}\n", "`nmae` is no key of an exit code; did you mean"),
        (f"{HEAD}commands: [{{name: run, output: xml}}]\n", "`output` must be `json` or `text`, not `xml`"),
        (f"{HEAD}commands: [{{name: run, stdin: [a]}}]\n", "`stdin` must be text"),
        (f"{HEAD}commands: [{{name: run, output: json, args: [x]}}]\n", "`args` is for plain programs"),
        (
            f"{HEAD}commands: [{{name: run, values: {{emit: [{{event: a.b}}]}}}}]\n",
            "emits only the events of the exit codes that have a `name`",
        ),
        (
            (
                f"{HEAD}fact_outputs: [{{when: {{command: run}}, from: state_updates, fact_type: x}}]\ncommands: "
                "[{name: run}]\n"
            ),
            "`run` has `output: text`, so it keeps no state and makes no facts",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    assert says in only(text)


def test_exit_codes_without_a_plain_program_are_refused() -> None:
    text = HEAD.replace("output: text", "version: '1'\nprotocol: 2\nexit_codes: {1: {status: ok}}")
    assert "`exit_codes` is for plain programs" in only(text + "commands: [{name: poll}]\n")

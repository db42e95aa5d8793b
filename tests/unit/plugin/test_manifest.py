from typing import Any

import pytest

from ductile.document.read import read_text
from ductile.model.manifest import CommandType, FactOutput, Manifest
from ductile.plugin.json_schema import compile_validator
from ductile.plugin.manifest_parser import parse_manifest

HEAD = """\
manifest_spec: ductile.plugin
manifest_version: 1
name: demo
version: 1.0.0
protocol: 2
entrypoint: run.sh
"""
COMMANDS = "commands: [{name: poll, type: read}]\n"


def manifest(text: str) -> Manifest:
    found, problems = parse_manifest(read_text(text, file="manifest.yaml"))
    assert [str(problem) for problem in problems] == []
    assert found is not None
    return found


def problems_of(text: str) -> list[str]:
    found, problems = parse_manifest(read_text(text, file="m.yaml"))
    assert (found is None) == any(problem.severity == "error" for problem in problems)
    return [str(problem) for problem in problems]


def only(text: str) -> str:
    (problem,) = problems_of(text)
    return problem


def head(**changes: Any) -> str:
    lines = [line for line in HEAD.splitlines() if line.split(":")[0] not in changes]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in changes.items() if value is not None)]) + "\n"


def test_a_small_manifest_has_the_defaults() -> None:
    found = manifest(HEAD + "commands: [{name: poll}]\n")
    assert (found.name, found.version, found.protocol, found.entrypoint) == ("demo", "1.0.0", 2, "run.sh")
    assert found.concurrency_safe
    command = found.commands["poll"]
    assert command.type is CommandType.WRITE
    assert command.retry_safe
    assert command.idempotent is None
    assert command.input_schema is None
    assert command.timeout is None


def test_every_key_of_a_manifest_is_read() -> None:
    found = manifest(
        HEAD
        + """
description: Shows every key.
concurrency_safe: false
lifecycle: spawn
commands:
  - name: poll
    type: read
    description: Looks.
    idempotent: true
    retry_safe: false
    timeout: 1m30s
    input_schema: {url: string}
    output_schema: {type: object}
    values:
      consume: [payload.url, payload.a.b, payload.*, payload]
      emit:
        - event: demo.seen
          values: [payload.url, payload.text]
        - event: demo.nothing
  - {name: token_refresh, type: write, input_schema: {}}
config_keys:
  required: [folder]
  optional: [limit]
config_schema: {type: object, properties: {folder: {type: string}}}
fact_outputs:
  - when: {command: poll}
    from: state_updates
    fact_type: demo.snapshot
    compatibility_view: mirror_object
  - {when: {command: token_refresh}, from: state_updates, fact_type: demo.token}
"""
    )
    poll = found.commands["poll"]
    assert list(found.commands) == ["poll", "token_refresh"]
    assert (poll.type, poll.description, poll.idempotent, poll.retry_safe) == (CommandType.READ, "Looks.", True, False)
    assert poll.timeout == 90_000
    assert poll.input_schema == {"type": "object", "properties": {"url": {"type": "string"}}}
    assert poll.output_schema == {"type": "object"}
    assert poll.emits == {"demo.seen": ("payload.url", "payload.text"), "demo.nothing": ()}
    assert found.commands["token_refresh"].input_schema == {}
    assert found.description == "Shows every key."
    assert not found.concurrency_safe
    assert (found.required_config, found.optional_config) == (("folder",), ("limit",))
    assert found.config_schema == {"type": "object", "properties": {"folder": {"type": "string"}}}
    assert found.fact_outputs == (
        FactOutput(command="poll", fact_type="demo.snapshot"),
        FactOutput(command="token_refresh", fact_type="demo.token"),
    )


def test_sections_that_are_written_but_empty_are_as_if_they_were_not_there() -> None:
    commands = "commands:\n  - name: poll\n    values:\n      consume:\n      emit: []\n"
    text = HEAD + "description:\n" + commands + "config_keys:\n  required:\nfact_outputs:\n"
    assert manifest(text).required_config == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + COMMANDS + "entripoint: x\n",
            "m.yaml:8:1: error[unknown_key]: `entripoint` is no key of a manifest; did you mean `entrypoint`?",
        ),
        (
            HEAD + "commands: [{name: a, tipe: read}]\n",
            "m.yaml:7:22: error[unknown_key]: `tipe` is no key of a command; did you mean `type`?",
        ),
        (
            HEAD + COMMANDS + "config_keys: {require: []}\n",
            "m.yaml:8:15: error[unknown_key]: `require` is no key of `config_keys`; did you mean `required`?",
        ),
        (
            HEAD + COMMANDS + "fact_outputs: [{when: {command: poll}, from: state_updates, fact_type: a.b, view: x}]\n",
            "m.yaml:8:77: error[unknown_key]: `view` is no key of an entry of `fact_outputs`",
        ),
        (
            HEAD + "commands: [{name: a, values: {emits: []}}]\n",
            "m.yaml:7:31: error[unknown_key]: `emits` is no key of `values`; did you mean `emit`?",
        ),
    ],
)
def test_an_unknown_key_is_an_error_at_its_place_with_what_was_meant(text: str, expected: str) -> None:
    assert only(text) == expected


@pytest.mark.parametrize("key", ["manifest_spec", "manifest_version", "name", "version", "protocol", "entrypoint"])
def test_a_required_key_that_is_missing_is_named(key: str) -> None:
    assert f"error[missing]: a manifest needs `{key}`" in only(head(**{key: None}) + COMMANDS)


def test_a_manifest_without_commands_is_refused() -> None:
    assert "a manifest needs `commands`" in only(HEAD)
    assert "`commands` must list at least one command" in "".join(problems_of(HEAD + "commands: []\n"))


@pytest.mark.parametrize("commands", ["{poll: {type: read}}", "poll", "5"])
def test_commands_that_are_no_list_are_refused(commands: str) -> None:
    assert "`commands` must be a list, not" in only(HEAD + f"commands: {commands}\n")


def test_a_command_that_is_only_a_name_is_refused() -> None:
    assert "`commands[1]` must be a map of keys, not `health`" in only(HEAD + "commands: [{name: poll}, health]\n")


@pytest.mark.parametrize("name", ["Demo", "-x", "_x", "a b", "a.b", "ä", "a/b"])
def test_a_bad_plugin_name_is_refused(name: str) -> None:
    assert "`name` cannot be" in only(head(name=f'"{name}"') + COMMANDS)


@pytest.mark.parametrize("name", ["pipeline", "core", "ductile"])
def test_a_reserved_name_is_refused(name: str) -> None:
    assert f"`name` cannot be `{name}`, which is reserved" in only(head(name=name) + COMMANDS)


@pytest.mark.parametrize("name", ["a", "0", "py-greet", "a_b", "9-x_"])
def test_good_names_are_taken(name: str) -> None:
    assert manifest(head(name=f'"{name}"') + COMMANDS).name == name


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"manifest_spec": "other"}, "`manifest_spec` must be `ductile.plugin`, not `other`"),
        ({"manifest_version": 2}, "`manifest_version` must be `1`, not `2`"),
        ({"manifest_version": "true"}, "`manifest_version` must be `1`, not `true`"),
        ({"protocol": 1}, "`protocol` must be `2`, not `1`; this gateway speaks no other"),
        ({"protocol": '"2"'}, "`protocol` must be `2`"),
        ({"entrypoint": "''"}, "`entrypoint` must be text, not empty"),
        ({"entrypoint": "[a]"}, "`entrypoint` must be text, not a list"),
        ({"concurrency_safe": "maybe"}, "`concurrency_safe` must be `true` or `false`, not `maybe`"),
        ({"lifecycle": "forever"}, "`lifecycle` must be `spawn` or `persistent`, not `forever`"),
        ({"description": "[a]"}, "`description` must be text, not a list"),
    ],
)
def test_a_bad_value_is_named_with_what_it_must_be(change: dict[str, Any], expected: str) -> None:
    assert expected in only(head(**change) + COMMANDS)


def test_secrets_of_a_vault_are_not_in_this_version() -> None:
    assert only(HEAD + COMMANDS + "secrets: [api-key]\n") == (
        "m.yaml:8:1: error[not_in_this_version]: `secrets` is not in this version"
    )


def test_a_published_key_without_a_meaning_here_is_left_out_with_a_warning() -> None:
    found, problems = parse_manifest(read_text(HEAD + COMMANDS + "stopwatch: {max_subs: 64}\n", file="m.yaml"))
    assert found is not None
    assert [str(problem) for problem in problems] == [
        "m.yaml:8:1: warning[legacy]: `stopwatch` means nothing here and is left out"
    ]


@pytest.mark.parametrize(("schema", "valid"), [("true", True), ("false", False)])
def test_a_schema_can_be_a_boolean(schema: str, *, valid: bool) -> None:
    found = manifest(HEAD + f"commands: [{{name: poll, input_schema: {schema}}}]\n").commands["poll"].input_schema
    assert found is not None
    assert (compile_validator(found)({"a": 1}) == ()) is valid


def test_a_version_that_yaml_reads_as_a_number_is_taken_and_warned_of() -> None:
    found, problems = parse_manifest(read_text(head(version="1.10") + COMMANDS, file="m.yaml"))
    assert found is not None
    assert [problem.severity for problem in problems] == ["warning"]
    assert manifest(head(version="3") + COMMANDS).version == "3"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("{type: read}", "a command needs `name`"),
        ("{name: Poll}", "`name` cannot be `Poll`"),
        ("{name: a, type: reed}", "`type` must be `read` or `write`, not `reed`"),
        ("{name: a, retry_safe: 1}", "`retry_safe` must be `true` or `false`, not `1`"),
        ("{name: a, timeout: 30}", "`timeout` must be a duration: 30 has no unit"),
        ("{name: a, timeout: 0s}", "`timeout` must be longer than 0"),
        ("{name: a, input_schema: string}", "`input_schema` must be a JSON Schema"),
        (
            "{name: a, input_schema: {a: strng}}",
            "m.yaml:7:40: error[bad_schema]: `input_schema` is no valid JSON Schema: `strng` is no type",
        ),
        (
            "{name: a, output_schema: {type: object, properties: {b: {type: x}}}}",
            "m.yaml:7:75: error[bad_schema]: `output_schema`",
        ),
        ("{name: a, input_schema: {b: {type: x}}}", "m.yaml:7:47: error[bad_schema]"),
        ("{name: a, values: {consume: [url]}}", "`consume[0]` must be a payload name such as `payload.url`, not `url`"),
        ("{name: a, values: {consume: [payload.]}}", "must be a payload name"),
        ("{name: a, values: {emit: [{values: []}]}}", "an entry of `emit` needs `event`"),
        ("{name: a, values: {emit: [{event: x, values: [a b]}]}}", "`values[0]` must be a payload name"),
    ],
)
def test_a_bad_command_says_what_is_wrong(command: str, expected: str) -> None:
    assert expected in only(HEAD + f"commands: [{command}]\n")


def test_a_command_that_stands_twice_is_refused_at_the_second() -> None:
    text = HEAD + "commands:\n  - name: a\n  - name: b\n  - name: a\n"
    assert only(text) == "m.yaml:10:11: error[duplicate]: the command `a` stands twice; the first is `commands[0]`"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{from: state_updates, fact_type: a.b}", "an entry of `fact_outputs` needs `when`"),
        ("{when: {}, from: state_updates, fact_type: a.b}", "`when` needs `command`"),
        ("{when: {command: pol}, from: state_updates, fact_type: a.b}", "has no command `pol`; did you mean `poll`?"),
        ("{when: {command: poll}, from: events, fact_type: a.b}", "`from` must be `state_updates`, not `events`"),
        ("{when: {command: poll}, from: state_updates}", "needs `fact_type`"),
        (
            "{when: {command: poll}, from: state_updates, fact_type: a, compatibility_view: fold}",
            "must be `mirror_object`",
        ),
    ],
)
def test_a_bad_fact_rule_says_what_is_wrong(rule: str, expected: str) -> None:
    assert expected in only(HEAD + COMMANDS + f"fact_outputs: [{rule}]\n")


def test_two_fact_rules_for_one_command_are_refused() -> None:
    rule = "{when: {command: poll}, from: state_updates, fact_type: a.b}"
    assert "a second rule for the command `poll`" in only(HEAD + COMMANDS + f"fact_outputs: [{rule}, {rule}]\n")


def test_a_bad_configuration_schema_is_found_at_load() -> None:
    assert "`config_schema` is no valid JSON Schema" in only(HEAD + COMMANDS + "config_schema: {type: objct}\n")


def test_everything_that_is_wrong_is_listed_in_the_order_of_the_file() -> None:
    text = head(name="X", protocol=1) + "commands: [{name: a, x: 1, input_schema: {type: q}}, {name: a}]\ny: 1\n"
    lines = [int(problem.split(":")[1]) for problem in problems_of(text)]
    assert len(lines) == 6
    assert lines == sorted(lines)


def test_an_exit_code_that_is_no_number_is_told_in_plain_words() -> None:
    found = problems_of(HEAD + COMMANDS + "exit_codes: {x: {status: ok}}\n")
    assert [problem for problem in found if problem.endswith("error[bad_value]: `x` must be a whole number, not `x`")]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "5\n"])
def test_a_manifest_that_is_no_map_is_refused(text: str) -> None:
    assert "a manifest is a map of keys" in only(text)


def test_bad_yaml_is_the_only_problem() -> None:
    assert "error[yaml]" in only("name: [\n")


def test_a_key_that_stands_twice_is_refused() -> None:
    assert "error[duplicate_key]" in only(HEAD + COMMANDS + "name: other\n")

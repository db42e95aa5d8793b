"""Asks the plugin as the gateway does; where processes must end, as a process of its own."""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"


def loaded() -> ModuleType:
    """The plugin as a module."""
    sys.path.insert(0, str(PLUGIN.parent))
    try:
        spec = importlib.util.spec_from_file_location("sys_exec_run", PLUGIN)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(PLUGIN.parent))


RUN = loaded()
SAY: dict[str, Any] = {"argv": ["printf", "%s|", "{text}"], "args": {"text": {}}}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(request: Any, code: int = 0) -> dict[str, Any]:
    response, ended = RUN.respond(request if isinstance(request, bytes) else json.dumps(request).encode())
    assert ended == code, response
    answer: dict[str, Any] = json.loads(json.dumps(response))
    return answer


def execute(entry: dict[str, Any], payload: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    """Runs one allowed command."""
    given = {"run": "it", "args": args, **(payload or {})}
    return ask({"command": "handle", "config": {"commands": {"it": entry}}, "event": {"type": "x.y", "payload": given}})


def shell(script: str, **entry: Any) -> dict[str, Any]:
    return {"argv": ["sh", "-c", script], **entry}


def done(response: dict[str, Any]) -> dict[str, Any]:
    assert response["status"] == "ok", response
    payload: dict[str, Any] = response["events"][0]["payload"]
    return payload


def refused(response: dict[str, Any], *, retry: bool = False) -> str:
    assert (response["status"], response["retry"]) == ("error", retry), response
    reason: str = response["error"]
    return reason


# What is run, and with what.


def test_an_allowed_command_runs_and_says_how_it_went(root: Path) -> None:
    response = execute(SAY, text='it\'s $(id) `id` ; rm -rf / \\ "x" *')
    payload = done(response)
    assert payload["stdout"] == 'it\'s $(id) `id` ; rm -rf / \\ "x" *|'
    assert (payload["exit_code"], payload["name"], payload["succeeded"]) == (0, "it", True)
    assert payload["working_dir"] == str(root.resolve())
    assert response["events"][0]["type"] == "sys_exec.completed"
    assert response["result"].startswith("it exited with code 0 in ")


@pytest.mark.parametrize("run", ["rm", "", 5, None, ["it"], {"it": 1}])
def test_what_is_not_allowed_by_name_is_refused(run: Any) -> None:
    assert "payload.run must be one of it" in refused(execute(SAY, {"run": run}, text="x"))


@pytest.mark.parametrize(
    ("about", "value"),
    [
        ({}, ""),
        ({}, 5),
        ({}, None),
        ({}, ["x"]),
        ({}, "-rf"),
        ({}, "a\0b"),
        ({}, "x" * 1001),
        ({"enum": ["a", "b"]}, "c"),
        ({"pattern": "[a-z]+"}, "ab\n"),
        ({"pattern": "[a-z]+"}, "abC"),
        ({"type": "integer"}, 1.5),
        ({"type": "integer"}, True),
        ({"type": "integer"}, "1"),
        ({"type": "integer"}, -1),
        ({"type": "integer", "minimum": 2}, 1),
        ({"type": "number", "maximum": 2}, 2.5),
        ({"type": "boolean"}, 1),
    ],
)
def test_a_value_that_is_not_as_declared_is_refused(about: dict[str, Any], value: Any) -> None:
    assert "payload.args.text" in refused(execute({**SAY, "args": {"text": about}}, text=value))


def test_arguments_that_are_not_declared_are_refused() -> None:
    assert "no argument 'more'" in refused(execute(SAY, text="x", more="y"))
    assert "must be an object" in refused(execute(SAY, {"args": ["x"]}))


def test_a_value_that_begins_with_a_dash_is_taken_where_it_is_no_option() -> None:
    for argv in (["printf", "%s", "--", "{text}"], ["printf", "%s", "x{text}"]):
        assert done(execute({**SAY, "argv": argv}, text="-n"))["stdout"].endswith("-n")
    allowed = {"args": {"text": {"type": "integer", "allow_dash": True}}, "argv": ["printf", "%s", "{text}"]}
    assert done(execute(allowed, text=-5))["stdout"] == "-5"


def test_optional_arguments_come_only_when_they_are_given() -> None:
    entry = {
        "argv": ["printf", "%s,", "{{x}}", "--n={n}", {"when": "loud", "then": ["-v", "{text}"]}],
        "args": {
            "n": {"type": "integer", "required": False},
            "loud": {"type": "boolean", "default": False},
            "text": {"default": "t"},
        },
    }
    assert done(execute(entry))["stdout"] == "{x},"
    assert done(execute(entry, n=3, loud=True, text="u"))["stdout"] == "{x},--n=3,-v,u,"


def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    monkeypatch.setenv("DUCTILE_JOB_ID", "j1")
    entry = {"argv": ["env"], "env": {"OWN": 5}}
    found = dict(line.split("=", 1) for line in done(execute(entry, {"a b": "c"}))["stdout"].splitlines())
    assert (found["OWN"], found["DUCTILE_JOB_ID"], found["DUCTILE_EVENT_TYPE"]) == ("5", "j1", "x.y")
    assert {"SECRET", "DUCTILE_PAYLOAD_A_B"}.isdisjoint(found)
    assert "DUCTILE_PAYLOAD_A_B=c" in done(execute({**entry, "payload_env": True}, {"a b": "c"}))["stdout"]


def test_a_command_reads_the_payload_where_it_is_told_to() -> None:
    big = {"text": "x" * 300_000}
    assert done(execute({"argv": ["wc", "-c"]}))["stdout"].strip() == "0"
    assert int(done(execute({"argv": ["wc", "-c"], "stdin": "payload"}, big))["stdout"]) > 300_000
    assert done(execute({"argv": ["true"], "stdin": "payload"}, big))["exit_code"] == 0
    assert "stdin: payload" in refused(execute({"argv": ["true"], "payload_env": True}, big))


def test_the_short_form_runs_one_command_with_the_payload_in_its_environment() -> None:
    config = {"command": 'sh -c \'printf "%s {}" "$DUCTILE_PAYLOAD_MESSAGE"\'', "event_type": "said"}
    payload = {"message": "$(id)", "run": "whatever", "args": 5}
    response = ask({"command": "handle", "config": config, "event": {"payload": payload}})
    assert done(response)["stdout"] == "$(id) {}"
    assert response["events"][0]["type"] == "said"
    assert done(ask({"command": "poll", "config": {"command": ["printf", "hi"]}}))["stdout"] == "hi"


def test_both_forms_stand_side_by_side() -> None:
    config = {"command": "printf default", "commands": {"it": SAY}}
    assert done(ask({"command": "poll", "config": config}))["stdout"] == "default"
    refused(ask({"command": "poll", "config": config, "payload": {"run": "typo"}}))
    given = {"run": "it", "args": {"text": "x"}}
    assert done(ask({"command": "poll", "config": config, "payload": given}))["stdout"] == "x|"


# How it ends.


def test_exit_codes_say_whether_another_try_may_help() -> None:
    assert refused(execute(shell("echo why >&2; exit 3"))).endswith("why")
    refused(execute(shell("exit 3", retry_on_exit_codes=[3])), retry=True)
    assert done(execute(shell("exit 3", success_exit_codes=[0, 3])))["exit_code"] == 3
    refused(execute(shell("exit 0", success_exit_codes=[3])))
    refused(execute(shell("kill -9 $$", retry_on_exit_codes=[-9])), retry=True)
    assert "SIGTERM" in refused(execute(shell("kill -15 $$")))


def test_a_failure_tells_its_event_where_that_is_wanted() -> None:
    assert execute(shell("exit 3"))["events"][0]["payload"]["exit_code"] == 3
    assert execute(shell("exit 3", emit_event_on_exit_codes=[0]))["events"] == []
    assert execute(shell("exit 0", emit_event=False))["events"] == []
    assert "stdout" not in done(execute(shell("echo x", include_output_in_event=False)))


def test_output_is_cut_off_and_never_in_the_middle_of_a_character() -> None:
    payload = done(execute(shell("printf 'aé☃☃☃'; printf 'x%.0s' 1 2 3 >&2", stdout_max_bytes=8, stderr_max_bytes=3)))
    assert (payload["stdout"], payload["stdout_truncated"]) == ("aé☃", True)
    assert (payload["stderr"], payload["stderr_truncated"]) == ("xxx", False)
    assert done(execute(shell("printf '\\377'")))["stdout"] == "\N{REPLACEMENT CHARACTER}"


def test_a_flood_ends_the_command() -> None:
    assert "bytes" in refused(execute(shell("yes")))


def test_a_command_that_takes_too_long_is_ended_with_all_it_has_started(root: Path) -> None:
    response = execute(shell("trap '' TERM; sleep 300 & echo $! $$; wait; sleep 300", timeout_seconds=0.3))
    assert "after 0.3 s" in refused(response)
    payload = response["events"][0]["payload"]
    assert (payload["timed_out"], payload["exit_code"]) == (True, -1)
    assert all(ends(int(pid)) for pid in payload["stdout"].split())
    refused(execute(shell("sleep 300", timeout_seconds=0.1, retry_on_timeout=True)), retry=True)
    assert root


def test_what_a_command_leaves_behind_is_ended_and_not_waited_for() -> None:
    begun = time.monotonic()
    payload = done(execute(shell("sleep 300 & echo $!")))
    assert time.monotonic() - begun < 10
    assert ends(int(payload["stdout"]))


def test_a_command_ends_before_its_job_does() -> None:
    request = {"command": "poll", "config": {"command": "sleep 300"}}
    soon = datetime.fromtimestamp(time.time() + 3.6, UTC).isoformat()
    assert "job's deadline" in refused(ask({**request, "deadline_at": soon}))
    refused(ask({**request, "deadline_at": "2020-01-01T00:00:00.000Z"}), retry=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_plugin_that_is_ended_takes_its_command_with_it(root: Path, number: int) -> None:
    os.mkfifo(root / "pid")
    config = {"command": ["sh", "-c", "echo $$ > pid; exec sleep 300"]}
    with subprocess.Popen([sys.executable, PLUGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as plugin:
        assert plugin.stdin
        plugin.stdin.write(json.dumps({"command": "poll", "config": config}).encode())
        plugin.stdin.close()
        pid = int((root / "pid").read_text())
        plugin.send_signal(number)
        assert ends(pid)
        assert plugin.wait(20) == (143 if number == signal.SIGTERM else -9)


def ends(pid: int) -> bool:
    """Waits until a process has ended; False if it does not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    ended = bool(poll.poll(10_000))
    os.close(descriptor)
    return ended


# The configuration.


def test_list_says_what_may_be_run() -> None:
    entry = {**SAY, "description": "Says it", "args": {"text": {"description": "What", "default": "x"}}}
    (found,) = ask({"command": "list", "config": {"commands": {"it": entry}}})["result"]["commands"]
    assert (found["run"], found["description"]) == ("it", "Says it")
    assert found["args"] == [{"name": "text", "type": "string", "required": False, "description": "What"}]


def test_health_looks_for_programs_and_folders(root: Path) -> None:
    (root / "tool").write_text("#!/bin/sh\necho tool\n")
    (root / "tool").chmod(0o755)
    assert ask({"command": "health", "config": {"commands": {"it": SAY}}})["result"] == "healthy"
    assert ask({"command": "health", "config": {"command": "./tool"}})["result"] == "healthy"
    assert done(ask({"command": "poll", "config": {"command": "./tool"}}))["stdout"] == "tool\n"
    refused(ask({"command": "health", "config": {"command": "./none"}}, 78))
    refused(ask({"command": "poll", "config": {"command": "ductile-no-such-program"}}, 78))
    refused(ask({"command": "health", "config": {"command": "true", "working_dir": "none"}}, 78))


WRONG: list[Any] = [5, {}, {"command": ""}, {"command": []}, {"command": [1]}, {"command": "a 'b"}, {"shell": "x"}]
WRONG += [{"command": "echo $DUCTILE_PAYLOAD_X"}, {"command": ["echo", "${DUCTILE_PAYLOAD_X}"]}, {"commands": {}}]
WRONG += [{"commands": {"a b": SAY}}, {"commands": {"it": 5}}, {"commands": [SAY]}]
ENTRIES: list[dict[str, Any]] = [
    {"argv": []},
    {"argv": "ls"},
    {"argv": ["{text}"]},
    {"argv": ["ls"]},
    {"argv": ["ls", "{other}"]},
]
ENTRIES += [{"argv": ["ls", "{text"]}, {"argv": ["ls", "}", "{text}"]}, {"argv": ["ls", 5, "{text}"]}, {"more": 1}]
ENTRIES += [{"argv": ["ls", {"when": "text", "then": ["-l"]}]}, {"argv": ["ls", {"when": "x"}, "{text}"]}]
ENTRIES += [
    {"stdin": "file"},
    {"timeout_seconds": 0},
    {"env": {"DUCTILE_JOB_ID": "x"}},
    {"env": {"a=b": "x"}},
    {"env": 5},
]
ENTRIES += [{"success_exit_codes": [256]}, {"retry_on_exit_codes": "3"}, {"stdout_max_bytes": 0}, {"emit_event": "no"}]
ARGUMENTS: list[Any] = [
    5,
    {"type": "path"},
    {"pattern": "["},
    {"enum": []},
    {"default": 5},
    {"minimum": "x"},
    {"required": 1},
]
ARGUMENTS += [{"tipe": "string"}, {"enum": ["a"], "default": "b"}]
ENTRIES += [{"argv": ["/bin/sh", "-ec", "echo {text}"]}, {"argv": ["python3.11", "-c", "{text}"]}]
WRONG += [{"commands": {"it": {**SAY, **entry}}} for entry in ENTRIES]
WRONG += [{"commands": {"it": {**SAY, "args": {"text": about}}}} for about in ARGUMENTS]


@pytest.mark.parametrize("config", WRONG)
def test_a_wrong_configuration_ends_with_78(config: Any) -> None:
    assert "config" in refused(ask({"command": "health", "config": config}, 78))


def test_a_bad_request_is_a_permanent_error() -> None:
    requests: list[Any] = [{"command": "dance"}, {"command": ["handle"]}, {}, [], None, 5]
    for request in requests:
        refused(ask(request))
    config = {"commands": {"it": SAY}}
    members: list[Any] = [{"payload": []}, {"event": {"payload": 5}}, {"event": 5}, {"payload": None}]
    for more in members:
        refused(ask({"command": "handle", "config": config, **more}))
    for stdin in (b"", b"{", b"\xff", b"[" * 100_000):
        refused(ask(stdin, 1))

"""Plain programs in a real gateway: a script with a five-line manifest is an endpoint, a step and an alarm."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.gateway import Gateway, gateways

COUNT = """#!/bin/sh
echo "$# arguments, $(cat | wc -c) bytes, $COLOUR"
"""
CAT = """#!/bin/sh
cat
"""
CHECK = """#!/bin/sh
for argument in "$@"; do printf '<%s>' "$argument"; done
case "$1" in
  --level=critical) echo "DISK CRITICAL" >&2; exit 2 ;;
  --level=warning) exit 1 ;;
  --level=broken) exit 77 ;;
esac
"""
FIVE_LINES = {
    "manifest_spec": "ductile.plugin",
    "manifest_version": 1,
    "name": "five",
    "entrypoint": "run",
    "output": "text",
}
NAGIOS = {
    "output": "text",
    "exit_codes": {1: {"status": "ok", "name": "warning"}, 2: {"status": "error", "name": "critical", "retry": False}},
}
DISK = {
    "check": {
        "args": ["--level={payload.level}", ["--path", "{payload.path}"]],
        "input_schema": {"level": "string", "path": "string"},
    },
    "health": {"args": ["--level=ok"], "type": "read"},
}


def shows(name: str, on: str, text: str) -> dict[str, Any]:
    return {"name": name, "on": on, "steps": [{"id": "show", "uses": "show.run", "with": {"text": text}}]}


PIPELINES = [
    {
        "name": "checked",
        "on": "checked.go",
        "execution_mode": "synchronous",
        "steps": [
            {"id": "check", "uses": "disk.check"},
            {"id": "show", "uses": "show.run", "with": {"text": "it said {payload.result}"}},
        ],
    },
    shows("on-warning", "disk.warning", "{payload.exit_name} {payload.exit_code}: {payload.result}"),
    shows("on-critical", "disk.critical", "{payload.exit_name} {payload.exit_code}: {payload.result}"),
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    for gateway in gateways(tmp_path_factory.mktemp("programs")):
        (gateway.plugin("five", COUNT) / "manifest.yaml").write_text(yaml.safe_dump(FIVE_LINES))
        gateway.plugin("disk", CHECK, DISK, **NAGIOS)
        gateway.plugin("show", CAT, {"run": {"stdin": "{payload.text}"}}, output="text")
        plugins = {"five": {"env": {"COLOUR": "blue"}}, "disk": {"retry": {"max_attempts": 2, "backoff_base": "50ms"}}}
        gateway.configure(plugins=plugins, pipelines=PIPELINES)
        yield gateway.start()


def test_five_lines_make_a_script_an_endpoint_with_the_environment_that_the_operator_gives(programs: Gateway) -> None:
    job = programs.run("five", "run", payload={"anything": 1})
    assert (job["status"], job["result"]["result"]) == ("succeeded", "0 arguments, 0 bytes, blue")


def test_arguments_come_from_the_payload_where_the_manifest_says_so(programs: Gateway) -> None:
    payload = {"level": "ok", "path": "/a b", "more": "--level=critical"}
    assert programs.run("disk", "check", payload)["result"]["result"] == "<--level=ok><--path></a b>"
    assert programs.run("disk", "check", {"level": "ok"})["result"]["result"] == "<--level=ok>"
    assert programs.run("disk", "health")["result"]["result"] == "<--level=ok>"


def test_what_an_argument_needs_is_asked_for_before_a_job_is_made(programs: Gateway) -> None:
    answer = programs.post("/plugin/disk/check", {"payload": {}})
    assert (answer.status, answer.body["error"]) == (400, "invalid_payload")
    assert "level" in answer.raw.decode()
    described = programs.get("/openapi.json")["paths"]["/plugin/disk/check"]["post"]
    assert "level" in str(described["requestBody"])


def test_text_on_stdin_comes_back_whole(programs: Gateway) -> None:
    text = '-rf $(id) `id` "\' ☃ \\ %s\n\n{"status": "error"}'
    assert programs.run("show", "run", {"text": text})["result"]["result"] == text


def test_an_exit_code_is_the_verdict(programs: Gateway) -> None:
    warned = programs.run("disk", "check", {"level": "warning"})
    assert (warned["status"], warned["result"]["result"]) == ("succeeded", "<--level=warning>")
    critical = programs.run("disk", "check", {"level": "critical"})
    assert (critical["status"], critical["last_error"]) == ("failed", "exit 2 (critical): DISK CRITICAL")
    assert (critical["result"]["result"], critical["attempt"]) == ("<--level=critical>", 1)
    broken = programs.run("disk", "check", {"level": "broken"})
    assert (broken["status"], broken["attempt"]) == ("dead", 2)
    assert broken["last_error"] == "exit 77: <--level=broken>"


def test_a_named_exit_code_starts_the_pipelines_that_wait_for_it(programs: Gateway) -> None:
    for level, pipeline, code in (("warning", "on-warning", 1), ("critical", "on-critical", 2)):
        before = len(programs.jobs(plugin="pipeline", command=pipeline))
        programs.post("/plugin/disk/check", {"payload": {"level": level}, "route": True})
        programs.until(lambda pipeline=pipeline, before=before: _ended(programs, pipeline, before + 1))
        run = programs.jobs(plugin="pipeline", command=pipeline)[0]
        shown = programs.get(f"/job/{run['job_id']}/tree")[-1]
        assert shown["result"]["result"] == f"{level} {code}: <--level={level}>"


def _ended(gateway: Gateway, pipeline: str, count: int) -> bool:
    runs = gateway.jobs(plugin="pipeline", command=pipeline)
    return len(runs) == count and runs[0]["status"] == "succeeded"


def test_the_next_step_reads_the_text(programs: Gateway) -> None:
    assert programs.run_pipeline("checked", {"level": "ok"})[-1]["result"]["result"] == "it said <--level=ok>"
    assert programs.run_pipeline("checked", {"level": "warning"})[-1]["result"]["result"] == "it said <--level=warning>"


def test_agents_are_told_that_the_result_is_text(programs: Gateway) -> None:
    schemas = programs.get("/openapi.json")["components"]["schemas"]
    job = next(
        schema for name, schema in schemas.items() if "disk" in name and "check" in name and "job" in name.lower()
    )
    assert "string" in str(job)

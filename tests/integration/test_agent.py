"""An agent with nothing but the URL and a token: it does only what the pages say that it finds from `/` on."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from support.gateway import TOKEN, Gateway
from support.sample_gateway import add_sample_plugins

GREET = """#!/bin/sh
case "$(cat)" in
  *'"name":"nobody"'*)
    echo 'no such person' >&2
    echo '{"status":"error","error":"nobody is not here","retry":false}' ;;
  *) echo '{"status":"ok","result":"Hello!"}' ;;
esac
"""
COMMANDS = {
    "greet": {
        "type": "write",
        "description": "Greets a person by name.",
        "input_schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "Whom to greet.", "minLength": 2},
                "tone": {"enum": ["warm", "cold"], "default": "warm"},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    }
}


class Agent:
    """What it knows of the gateway it has read on the page."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.bytes_read = 0
        index = json.loads(self.read("/"))
        self.page = self.read(index["agents"]["skills"])
        scheme = re.search(r"`(Authorization): (Bearer) <token>`", self.page)
        assert scheme
        self._credential = {scheme[1]: f"{scheme[2]} {TOKEN}"}

    def read(self, path: str) -> str:
        """A public page; what it takes is counted."""
        answer = self._gateway.call("GET", path, token=None)
        assert answer.status == 200, answer.raw
        self.bytes_read += len(answer.raw)
        return answer.raw.decode()

    def skill(self, wish: str) -> str:
        """The section of the skill whose line fits the wish, at the place that the page names."""
        name = next(line for line in self.page.splitlines() if line.startswith("- `") and wish in line).split("`")[1]
        place = re.search(r"`GET (\S+)` shows one skill", self.page)
        assert place
        return self.read(place[1].replace("NAME", name))

    def call(self, skill: str, payload: Mapping[str, Any] | None = None, *, wait: bool = False) -> Any:
        """Call it with its own example, or with another payload in the place of the example's."""
        method, path, example = re.search(r"`(POST) (\S+)` such as `([^`]+)`", skill).groups()  # type: ignore[union-attr]  # the page of this test has it
        body = json.loads(example) if payload is None else {"payload": payload}
        prefer = re.search(r"`(Prefer): (wait=\d+)`", self.page)
        assert prefer
        headers = {**self._credential, **({prefer[1]: prefer[2]} if wait else {})}
        return self._gateway.call(method, path, body, token=None, headers=headers)

    def follow(self, job_id: str) -> Any:
        """Look at the job, at the place that the page names, until its status is one that the page calls an end."""
        place = re.search(r"`GET (/job/\{job_id\}\?wait=30)`", self.page)
        ends = re.search(r"until `status` is one of\s+(.*)\.", self.page)
        assert place
        assert ends

        def ended() -> Any:
            job = self._gateway.get(place[1].replace("{job_id}", job_id), token=None, headers=self._credential)
            return job if f"`{job['status']}`" in ends[1] else None

        return self._gateway.until(ended)


@pytest.fixture
def agent(gateway: Gateway) -> Agent:
    gateway.plugin("greeter", GREET, COMMANDS)
    return Agent(add_sample_plugins(gateway).start())


def test_it_finds_a_skill_calls_it_and_follows_its_job(agent: Agent) -> None:
    skill = agent.skill("Greets a person")
    assert "- `name` (string, required, minLength `2`): Whom to greet." in skill
    assert '- `tone` (any, optional, one of `"warm" | "cold"`, default `"warm"`)' in skill
    accepted = agent.call(skill)
    assert accepted.status == 202
    job = agent.follow(accepted.body["job_id"])
    assert (job["status"], job["result"]["result"]) == ("succeeded", "Hello!")
    waited = agent.call(skill, {"name": "Ada"}, wait=True)
    assert (waited.status, waited.body["result"]["result"]) == (200, "Hello!")


def test_it_explains_why_a_call_was_refused(agent: Agent) -> None:
    refused = agent.call(agent.skill("Greets a person"), {"name": "x", "mood": 1})
    code = f"`{refused.body['code']} {refused.body['error']}`"
    assert code == "`400 invalid_payload`"
    assert "400: mend the body" in agent.page
    errors = refused.body["details"]["errors"]
    assert all(set(error) >= {"path", "message"} for error in errors)
    assert {error["path"] for error in errors} == {"/name", ""}


def test_it_explains_why_a_job_failed(agent: Agent) -> None:
    accepted = agent.call(agent.skill("Greets a person"), {"name": "nobody"})
    job = agent.follow(accepted.body["job_id"])
    assert "Any other end: `last_error` says why" in agent.page
    assert (job["status"], job["last_error"], job["stderr"]) == ("failed", "nobody is not here", "no such person\n")


def test_it_runs_a_pipeline_and_finds_the_step_that_failed(agent: Agent, gateway: Gateway) -> None:
    skill = agent.skill("pipeline.breaks`")
    assert "Its payload goes to `plugin.fail.handle`" in skill
    run = agent.call(skill, wait=True)
    assert (run.status, run.body["status"]) == (200, "failed")
    tree = gateway.get(f"/job/{run.body['job_id']}/tree")
    assert [row["step"] for row in tree if row["status"] == "failed" and row["step"]] == ["only"]


def test_every_example_of_a_skill_is_accepted(agent: Agent) -> None:
    names = re.findall(r"^- `((?:plugin|pipeline)\S+)`", agent.page, flags=re.MULTILINE)
    assert len(names) >= 20
    sections = [section for name in names if " such as " in (section := agent.skill(f"`{name}`"))]
    assert len(sections) > 5
    for section in sections:
        if "wide" not in section and "picky" not in section:  # these ask for more than an empty payload has
            assert agent.call(section).status in {200, 202}, section


def test_skills_are_found_by_words_and_by_name(agent: Agent, gateway: Gateway) -> None:
    found = json.loads(agent.read("/skills?q=GREETS+person"))["skills"]
    assert [skill["name"] for skill in found] == ["plugin.greeter.greet"]
    assert found[0]["input_schema"]["required"] == ["name"]
    assert json.loads(agent.read("/skills/plugin.greeter.greet")) == found[0]
    assert agent.read("/skills?q=greets&format=markdown").startswith("### plugin.greeter.greet (WRITE)")
    assert agent.read("/skills?q=no+such+thing&format=markdown").startswith("No skill has the words `no such thing`.")
    assert json.loads(agent.read("/skills?q=no+such+thing")) == {"skills": []}
    refused = gateway.call("GET", "/skills/plugin.greeter.great", token=None)
    assert (refused.status, refused.body["error"]) == (404, "unknown_skill")
    assert refused.body["details"]["hint"] == "Did you mean `plugin.greeter.greet`?"
    refused = gateway.call("GET", "/skills?format=markdwon", token=None)
    assert (refused.status, "did you mean `markdown`?" in refused.body["message"]) == (400, True)


MAX_WAY_BYTES = 8_000
"""2,000 tokens of four bytes: what an agent may read from `/` to a result that it understands."""


def test_the_way_to_a_result_is_short_at_twenty_plugins(gateway: Gateway) -> None:
    commands = {
        "poll": {"type": "read", "description": "Looks for what is new at the source, and tells what it has found."},
        "handle": {"type": "write", "description": "Takes one event and hands it on to where it belongs."},
    }
    for number in range(19):
        gateway.plugin(f"connector-{number:02}", GREET, commands)
    gateway.plugin("greeter", GREET, COMMANDS)
    agent = Agent(gateway.start())
    answer = agent.call(agent.skill("Greets a person"), {"name": "Ada"}, wait=True)
    assert answer.body["result"]["result"] == "Hello!"
    assert agent.bytes_read + len(answer.raw) <= MAX_WAY_BYTES

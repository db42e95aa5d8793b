from support.web import snapshot

from ductile.describe.catalog import catalog
from ductile.describe.skills import skills


def test_skills_are_commands_by_plugin_then_pipelines() -> None:
    found = skills(snapshot())["skills"]
    names = [skill["name"] for skill in found]
    assert names[:4] == ["plugin.alias.poll", "plugin.alias.peek", "plugin.alias.handle", "plugin.alias.say"]
    assert names[8:] == sorted(names[8:])
    assert {skill["kind"] for skill in found[8:]} == {"pipeline"}


def test_a_command_is_a_skill_of_its_tier() -> None:
    by_name = {skill["name"]: skill for skill in skills(snapshot())["skills"]}
    assert by_name["plugin.echo.peek"] == {
        "name": "plugin.echo.peek",
        "kind": "plugin",
        "description": "Looks.",
        "endpoint": "/plugin/echo/peek",
        "tier": "READ",
        "plugin": "echo",
        "command": "peek",
        "input_schema": None,
    }
    assert by_name["plugin.echo.poll"]["tier"] == "WRITE"


def test_a_pipeline_is_a_skill_with_its_trigger() -> None:
    by_name = {skill["name"]: skill for skill in skills(snapshot())["skills"]}
    assert by_name["pipeline.sync"] == {
        "name": "pipeline.sync",
        "kind": "pipeline",
        "endpoint": "/pipeline/sync",
        "pipeline": "sync",
        "trigger": "a.b",
        "execution_mode": "synchronous",
        "timeout_secs": 30,
    }
    assert (by_name["pipeline.async"]["execution_mode"], by_name["pipeline.async"]["timeout_secs"]) == (
        "asynchronous",
        None,
    )


def test_what_cannot_run_is_no_skill_and_in_no_catalogue() -> None:
    shown = str(skills(snapshot())) + str(catalog(snapshot()))
    assert "'off'" not in shown
    assert "broken" not in shown

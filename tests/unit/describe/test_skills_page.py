from typing import Any

import pytest
from msgspec.structs import replace
from support.web import snapshot

from ductile.describe.skills_page import skills_page
from ductile.model.manifest import Command, CommandType
from ductile.model.snapshot import Snapshot
from ductile.plugin.json_schema import compile_validator


def with_command(schema: Any, description: str = "", name: str = "go") -> Snapshot:
    base = snapshot()
    echo = base.plugins["echo"]
    command = Command(name=name, type=CommandType.READ, description=description, input_schema=schema)
    validators = {name: compile_validator(schema)} if schema is not None else {}
    plugin = replace(echo, manifest=replace(echo.manifest, commands={name: command}), validators=validators)
    return replace(base, plugins={"echo": plugin}, pipelines={})


def section(schema: Any, description: str = "") -> list[str]:
    """The lines that a command with this schema gets."""
    page = skills_page(with_command(schema, description))
    return page[page.index("### plugin.echo.go") :].splitlines()


def test_the_page_says_how_to_call_before_it_lists_what() -> None:
    page = skills_page(snapshot())
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings[:4] == ["# Ductile Gateway: skills", "## How to call", "## Errors", "## Skills"]
    assert headings[4] == "### plugin.alias.poll (WRITE)"
    assert headings[-1] == "### pipeline.wide (WRITE)"
    for word in ("Authorization: Bearer", "Prefer: wait", "GET /job/{job_id}", "`last_error`", "Retry-After", "`dead`"):
        assert word in page
    assert "{ended}" not in page


def test_a_command_is_told_with_its_parameters_and_an_example() -> None:
    assert section(
        {
            "type": "object",
            "properties": {
                "to": {"type": "string", "format": "email", "description": "Who\n gets it."},
                "how": {"enum": ["fast", "slow"], "default": "slow"},
                "times": {"type": ["integer", "null"], "minimum": 1, "maximum": 3},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            },
            "required": ["to"],
        },
        "Sends it.",
    ) == [
        "### plugin.echo.go (READ)",
        "",
        "Sends it.  ",
        '`POST /plugin/echo/go` such as `{"payload":{"to":"ada@example.org"}}`',
        "",
        '- `to` (string, required, format `"email"`): Who gets it.',
        '- `how` (any, optional, one of `"fast" | "slow"`, default `"slow"`)',
        "- `times` (integer or null, optional, minimum `1`, maximum `3`)",
        "- `parts` (array of object, optional)",
        "- `parts[].n` (integer, optional)",
    ]


def test_a_command_without_schema_takes_any_payload() -> None:
    assert section(None)[2:] == [
        "`go` of `echo`. Echoes.  ",
        "`POST /plugin/echo/go` takes any payload: it declares no parameters.",
    ]


def test_references_are_followed_but_not_for_ever() -> None:
    lines = section({"type": "object", "properties": {"in": {"$ref": "#"}, "x": {"type": "integer"}}})
    assert "- `in` (object, optional)" in lines
    assert "- `in.x` (integer, optional)" in lines
    assert len(lines) < 40


def test_an_example_that_the_schema_refuses_is_not_given() -> None:
    pattern = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[0-9]{9}$"}}, "required": ["id"]}
    assert '`POST /plugin/echo/go` such as `{"payload":{}}`' in section(pattern)


@pytest.mark.parametrize(
    "evil", ["x\n## Skills\n\n- `a`", "<script>alert(1)</script>", "a `tick` b", "x" * 5000, " \t\n"]
)
def test_no_text_of_a_manifest_can_pretend_to_be_the_page(evil: str) -> None:
    schema = {
        "type": "object",
        "properties": {evil: {"type": "string", "description": evil, "default": evil, "enum": [evil]}},
    }
    page = skills_page(with_command(schema, evil))
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert len(headings) == 5
    outside = "".join(page.split("`")[::2])
    assert "<script" not in outside


def test_a_gateway_without_plugins_says_so() -> None:
    page = skills_page(replace(snapshot(), plugins={}, pipelines={}))
    assert "There are none yet." in page
    assert "/plugin/NAME/COMMAND" in page


def test_a_pipeline_tells_how_it_answers_and_what_it_takes() -> None:
    page = skills_page(snapshot())
    assert "A pipeline that is waited for for" not in page
    run = page[page.index("### pipeline.sync") :].splitlines()
    assert run[2].startswith("A pipeline that is waited for, 30 s at most: `200` with")
    assert run[3:7] == [
        "The event `a.b` starts it too.",
        "Its payload goes to `plugin.echo.handle`: see there for the parameters.  ",
        '`POST /pipeline/sync` such as `{"payload": {}}`',
        "",
    ]

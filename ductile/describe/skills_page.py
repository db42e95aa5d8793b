"""The skills as one Markdown page, for an agent that has the URL and a token."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ductile.describe.components import COMPONENTS_PREFIX, embed_schema
from ductile.describe.json_pointer import is_list, resolve_reference
from ductile.describe.schema_example import example_value, schema_type
from ductile.describe.skills import command_skill, pipeline_skill
from ductile.model.graph import Graph
from ductile.model.job import ENDED_STATES, State
from ductile.model.manifest import Command
from ductile.model.snapshot import Plugin, Snapshot

Json = dict[str, Any]

MAX_VALUE_CHARACTERS = 300
"""Characters of a value, a list of choices or a schema in a line."""
MAX_PARAMETER_LEVELS = 3
"""Levels of parameters inside parameters that are listed one by one."""
_BOUNDS = ("format", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength")
_MORE_BOUNDS = ("maxLength", "minItems", "maxItems", "uniqueItems", "additionalProperties")

PAGE_HEADER = """\
# Ductile Gateway: skills

Every skill below is one HTTP call that becomes a durable job. A `202` is a promise: the job runs, even if this gateway
restarts first.

## How to call

- **Authenticate**: send `Authorization: Bearer <token>` with every call. This page, `/plugins` and `/openapi.json` need
  no token. A READ skill needs the scope `plugin:ro`, a WRITE skill and a pipeline `plugin:rw`; `plugin:<name>:ro`,
  `plugin:<name>:rw` and `pipeline:<name>` are the same for one of them.
- **Call**: `POST` to the skill's endpoint with `Content-Type: application/json` and the body `{"payload": {…}}`. The
  answer is `202 {"job_id": …, "status": "queued"}`. Beside `payload` you may send `dedupe_key`, `run_at` (RFC 3339),
  `priority` (-100 to 100).
- **Wait**: add the header `Prefer: wait=30` (seconds, or `?wait=30`) and the answer is `200` with the ended job. If it
  has not ended by then, the answer is `202` and the job goes on: follow it.
- **Follow**: `GET /job/{job_id}`, about once a second, until `status` is one of {ended}.
  While it is one of {open}, it goes on by itself; `held` waits for what `held_reason` says.
  A token may always read the jobs it has submitted. `GET /job/{job_id}/tree` shows every step of a pipeline,
  `GET /job/{job_id}/logs` every attempt.
- **Read the result**: `status: "succeeded"` → the skill's answer is `result.result`. Any other end → `last_error` says
  what went wrong; `stderr`, `exit_code` and `result.logs` say more. Which step of a pipeline failed is in its tree.
- **Rehearse**: `?dry_run=true` checks a call and says what it would do; nothing is started.
- **Repeat safely**: send an `Idempotency-Key: <any unique text>`; the same key with the same body gives the same job.

```sh
curl -sS -X POST "$URL{endpoint}" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -H 'Prefer: wait=30' -d '{body}'
curl -sS "$URL/job/$JOB_ID" -H "Authorization: Bearer $TOKEN"
```

## Errors

Every error is `{"error": code, "message": …, "code": status, "details": {…}, "request_id": …}`; `message` says what is
wrong and what to do.

- `400 invalid_payload`: `details.errors` lists each wrong place as `{path, message}`. `400 invalid_json`: no JSON. Mend
  the body, then call again.
- `401`: the token is missing or unknown. `403`: the token lacks one of `details.required_scopes`; ask for another one.
- `404 unknown_plugin`, `unknown_command`, `unknown_pipeline`, `unknown_job`: no such name; read this page again.
- `409 idempotency_conflict`: that key was used with another body. Use a new key.
- `503`: not now. Wait as many seconds as the header `Retry-After` says, then repeat the very same call.

A call that was accepted can still fail as a job: then the HTTP status is `200` or `202` and the job's `status` says so.
"""


def skills_page(snapshot: Snapshot) -> str:
    """The whole page: how to call, then each skill."""
    sections = [section for _, section in skill_sections(snapshot)]
    return "\n".join([page_header(snapshot), "## Skills\n", *(sections or ["There are none yet.\n"])])


def skill_sections(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The name and the section of each skill, in the order of the list."""
    commands = [
        (f"plugin.{name}.{command.name}", command_section(plugin, command))
        for name, plugin in sorted(snapshot.plugins.items())
        for command in plugin.manifest.commands.values()
    ]
    runs = [(f"pipeline.{name}", pipeline_section(graph)) for name, graph in sorted(snapshot.pipelines.items())]
    return [*commands, *runs]


def page_header(snapshot: Snapshot) -> str:
    """The first part of the page, with an example that works with this gateway."""
    endpoint, body = "/plugin/NAME/COMMAND", "{}"
    for name, plugin in sorted(snapshot.plugins.items()):
        command = next(iter(plugin.manifest.commands.values()))
        endpoint = f"/plugin/{name}/{command.name}"
        body = call_body(plugin, command)
        break
    texts = {
        "{ended}": quoted_states(state for state in State if state in ENDED_STATES),
        "{open}": quoted_states(state for state in State if state not in ENDED_STATES),
        "{endpoint}": endpoint,
        "{body}": body.replace("'", "'\\''"),
    }
    page = PAGE_HEADER
    page = page.replace("\n## How", f"\n{base_url_paragraph(snapshot)}## How", 1)
    for place, text in texts.items():
        page = page.replace(place, text)
    return page


def base_url_paragraph(snapshot: Snapshot) -> str:
    """A paragraph with the base URL of the page's paths; empty without `api.public_url`."""
    url = snapshot.api.public_url
    return f"Every path on this page stands below `{url}`.\n\n" if url else ""


def quoted_states(states: Iterator[State]) -> str:
    """States in backquotes, separated by commas."""
    return ", ".join(f"`{state.value}`" for state in states)


def command_section(plugin: Plugin, command: Command) -> str:
    """The section of one plugin command: description, example, parameters."""
    skill = command_skill(plugin.name, command)
    about = command.description or f"`{command.name}` of `{plugin.name}`. {plugin.manifest.description}"
    lines = [f"### {skill['name']} ({skill['tier']})\n", one_line(about) + "  "]
    call = f"`POST {skill['endpoint']}`"
    if command.input_schema is None:
        return "\n".join([*lines, f"{call} takes any payload: it declares no parameters.\n"])
    schemas: Json = {}
    schema = embed_schema("input", command.input_schema, schemas)
    parameters = list(parameter_lines(schema, schemas)) or [
        f"- the payload: {inline_code(shorten(compact_json(schema)))}"
    ]
    return "\n".join([*lines, f"{call} such as {inline_code(call_body(plugin, command))}\n", *parameters, ""])


def call_body(plugin: Plugin, command: Command) -> str:
    """A body that the gateway most likely accepts."""
    schemas: Json = {}
    schema = embed_schema("input", command.input_schema, schemas) if command.input_schema is not None else {}
    payload = example_value(schema, {"components": {"schemas": schemas}})
    validator = plugin.validators.get(command.name)
    valid = isinstance(payload, dict) and not (validator(payload) if validator else ())
    return compact_json({"payload": payload if valid else {}})


def parameter_lines(schema: Mapping[str, Any], schemas: Json, within: str = "", depth: int = 0) -> Iterator[str]:
    """A line for each member of an object schema, and for the members of nested objects."""
    schema = follow_references(schema, schemas)
    properties = schema.get("properties")
    required = schema.get("required")
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        inner = follow_references(one, schemas) if isinstance(one, Mapping) else {}
        must = is_list(required) and name in (required or ())
        yield f"- {inline_code(within + name)} {describe_parameter(inner, must=must)}"
        if depth < MAX_PARAMETER_LEVELS:
            nested = inner.get("items") if schema_type(inner) == "array" else inner
            if isinstance(nested, Mapping):
                mark = "[]." if nested is not inner else "."
                yield from parameter_lines(nested, schemas, f"{within}{name}{mark}", depth + 1)


def follow_references(schema: Mapping[str, Any], schemas: Json) -> Mapping[str, Any]:
    """The schema, or the one that it refers to."""
    for _ in range(MAX_PARAMETER_LEVELS):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith(COMPONENTS_PREFIX):
            break
        found = resolve_reference(reference, {"components": {"schemas": schemas}})
        if not isinstance(found, Mapping):
            break
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def describe_parameter(schema: Mapping[str, Any], *, must: bool) -> str:
    """A parameter's type, whether it is required, its bounds and its description."""
    facts = [type_text(schema), "required" if must else "optional"]
    if is_list(schema.get("enum")):
        facts.append(f"one of {inline_code(shorten(' | '.join(compact_json(value) for value in schema['enum'])))}")
    if "const" in schema:
        facts.append(f"always {inline_code(shorten(compact_json(schema['const'])))}")
    if "default" in schema:
        facts.append(f"default {inline_code(shorten(compact_json(schema['default'])))}")
    bounds = {key: schema[key] for key in (*_BOUNDS, *_MORE_BOUNDS) if key in schema and not is_schema(schema[key])}
    facts += [f"{key} {inline_code(shorten(compact_json(value)))}" for key, value in bounds.items()]
    about = schema.get("description") or schema.get("title")
    return f"({', '.join(facts)})" + (f": {one_line(about)}" if isinstance(about, str) and about.strip() else "")


def is_schema(value: Any) -> bool:
    """Whether a keyword's value is a schema, which is too long for a line."""
    return isinstance(value, Mapping)


def type_text(schema: Mapping[str, Any]) -> str:
    """`string`, `string or null`, `array of integer`, `any`; for a choice of schemas, their JSON."""
    kinds = schema.get("type")
    if is_list(kinds):
        return " or ".join(str(kind) for kind in kinds or ())
    items = schema.get("items")
    if kinds == "array" and isinstance(items, Mapping):
        return f"array of {type_text(items)}"
    choices = next((schema[key] for key in ("anyOf", "oneOf", "allOf") if is_list(schema.get(key))), None)
    if kinds is None and choices is not None:
        return inline_code(shorten(compact_json(choices)))
    return str(kinds) if kinds is not None else schema_type(schema) or "any"


def pipeline_section(graph: Graph) -> str:
    """The section of one pipeline: how it answers, and whose parameters it has."""
    skill = pipeline_skill(graph)
    lines = [f"### {one_line(skill['name'])} (WRITE)\n"]
    if graph.synchronous:
        most = f", {skill['timeout_secs']} s at most" if skill["timeout_secs"] is not None else ""
        lines.append(
            f"A pipeline that is waited for{most}: `200` with `status`, `result` and `tree`, or `202` where it still "
            "runs then; `?async=true` answers at once."
        )
    else:
        lines.append("A pipeline that runs on its own: `202` at once, unless you wait.")
    if skill["trigger"]:
        lines.append(f"The event {inline_code(skill['trigger'])} starts it too.")
    firsts = [graph.nodes[node] for node in graph.entry if graph.nodes[node].plugin is not None]
    begins = " and ".join(f"`plugin.{node.plugin}.{node.command}`" for node in firsts)
    if begins:
        lines.append(f"Its payload goes to {begins}: see there for the parameters.")
    lines[-1] += "  "
    return "\n".join([*lines, f'`POST {skill["endpoint"]}` such as `{{"payload": {{}}}}`\n'])


def compact_json(value: Any) -> str:
    """Compact JSON."""
    return orjson.dumps(value).decode()


def shorten(text: str) -> str:
    """Cut a long text."""
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def one_line(text: str) -> str:
    """A text of a manifest as one line without markup."""
    return " ".join(text.split()).replace("<", "&lt;")


def inline_code(text: str) -> str:
    """A text as inline code; the text may contain backquotes."""
    text = " ".join(text.split())
    ticks = "`"
    while ticks in text:
        ticks += "`"
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"

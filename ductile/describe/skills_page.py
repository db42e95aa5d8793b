"""The skills as one Markdown page: all that an agent needs which has the URL and a token."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ductile.describe.embed import COMPONENTS, embed
from ductile.describe.pointer import is_list, resolve
from ductile.describe.sample import kind_of, sample
from ductile.describe.skills import command_skill, pipeline_skill
from ductile.model.graph import Graph
from ductile.model.job import ENDED_STATES, State
from ductile.model.manifest import Command
from ductile.model.snapshot import Plugin, Snapshot

Json = dict[str, Any]

LONGEST = 300
"""Characters of a value, a list of choices or a schema in a line."""
DEEPEST = 3
"""Levels of parameters inside parameters that are listed one by one."""
_BOUNDS = ("format", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength")
_MORE_BOUNDS = ("maxLength", "minItems", "maxItems", "uniqueItems", "additionalProperties")

HOW = """\
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
    """How to call, then each skill."""
    sections = [section for _, section in skill_sections(snapshot)]
    return "\n".join([how(snapshot), "## Skills\n", *(sections or ["There are none yet.\n"])])


def skill_sections(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The name and the section of each skill, in the order of the list."""
    commands = [
        (f"plugin.{name}.{command.name}", command_section(plugin, command))
        for name, plugin in sorted(snapshot.plugins.items())
        for command in plugin.manifest.commands.values()
    ]
    runs = [(f"pipeline.{name}", pipeline_section(graph)) for name, graph in sorted(snapshot.pipelines.items())]
    return [*commands, *runs]


def how(snapshot: Snapshot) -> str:
    """The first part, with an example that works here."""
    endpoint, body = "/plugin/NAME/COMMAND", "{}"
    for name, plugin in sorted(snapshot.plugins.items()):
        command = next(iter(plugin.manifest.commands.values()))
        endpoint = f"/plugin/{name}/{command.name}"
        body = call_body(plugin, command)
        break
    texts = {
        "{ended}": words(state for state in State if state in ENDED_STATES),
        "{open}": words(state for state in State if state not in ENDED_STATES),
        "{endpoint}": endpoint,
        "{body}": body.replace("'", "'\\''"),
    }
    page = HOW
    page = page.replace("\n## How", f"\n{base_line(snapshot)}## How", 1)
    for place, text in texts.items():
        page = page.replace(place, text)
    return page


def base_line(snapshot: Snapshot) -> str:
    """Where the paths of a page stand, as a paragraph; empty without `api.public_url`."""
    url = snapshot.api.public_url
    return f"Every path on this page stands below `{url}`.\n\n" if url else ""


def words(states: Iterator[State]) -> str:
    """`a`, `b`."""
    return ", ".join(f"`{state.value}`" for state in states)


def command_section(plugin: Plugin, command: Command) -> str:
    """One plugin command: what it does, an example, its parameters."""
    skill = command_skill(plugin.name, command)
    about = command.description or f"`{command.name}` of `{plugin.name}`. {plugin.manifest.description}"
    lines = [f"### {skill['name']} ({skill['tier']})\n", line_of(about) + "  "]
    call = f"`POST {skill['endpoint']}`"
    if command.input_schema is None:
        return "\n".join([*lines, f"{call} takes any payload: it declares no parameters.\n"])
    schemas: Json = {}
    schema = embed("input", command.input_schema, schemas)
    told = list(parameters(schema, schemas)) or [f"- the payload: {code(short(compact(schema)))}"]
    return "\n".join([*lines, f"{call} such as {code(call_body(plugin, command))}\n", *told, ""])


def call_body(plugin: Plugin, command: Command) -> str:
    """A body that the gateway takes, as far as that can be told."""
    schemas: Json = {}
    schema = embed("input", command.input_schema, schemas) if command.input_schema is not None else {}
    payload = sample(schema, {"components": {"schemas": schemas}})
    validator = plugin.validators.get(command.name)
    valid = isinstance(payload, dict) and not (validator(payload) if validator else ())
    return compact({"payload": payload if valid else {}})


def parameters(schema: Mapping[str, Any], schemas: Json, within: str = "", depth: int = 0) -> Iterator[str]:
    """A line for each member of an object schema, and for the members of those that are objects."""
    schema = followed(schema, schemas)
    properties = schema.get("properties")
    required = schema.get("required")
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        inner = followed(one, schemas) if isinstance(one, Mapping) else {}
        must = is_list(required) and name in (required or ())
        yield f"- {code(within + name)} {described(inner, must=must)}"
        if depth < DEEPEST:
            nested = inner.get("items") if kind_of(inner) == "array" else inner
            if isinstance(nested, Mapping):
                mark = "[]." if nested is not inner else "."
                yield from parameters(nested, schemas, f"{within}{name}{mark}", depth + 1)


def followed(schema: Mapping[str, Any], schemas: Json) -> Mapping[str, Any]:
    """The schema itself, or the one it refers to."""
    for _ in range(DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith(COMPONENTS):
            break
        found = resolve(reference, {"components": {"schemas": schemas}})
        if not isinstance(found, Mapping):
            break
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def described(schema: Mapping[str, Any], *, must: bool) -> str:
    """Type, whether it must be there, what it may be, and what it is for."""
    told = [type_of(schema), "required" if must else "optional"]
    if is_list(schema.get("enum")):
        told.append(f"one of {code(short(' | '.join(compact(value) for value in schema['enum'])))}")
    if "const" in schema:
        told.append(f"always {code(short(compact(schema['const'])))}")
    if "default" in schema:
        told.append(f"default {code(short(compact(schema['default'])))}")
    bounds = {key: schema[key] for key in (*_BOUNDS, *_MORE_BOUNDS) if key in schema and not is_schema(schema[key])}
    told += [f"{key} {code(short(compact(value)))}" for key, value in bounds.items()]
    about = schema.get("description") or schema.get("title")
    return f"({', '.join(told)})" + (f": {line_of(about)}" if isinstance(about, str) and about.strip() else "")


def is_schema(value: Any) -> bool:
    """Whether it says too much for a word in a line."""
    return isinstance(value, Mapping)


def type_of(schema: Mapping[str, Any]) -> str:
    """`string`, `string or null`, `array of integer`, `any`; a choice of schemas as it is written."""
    kinds = schema.get("type")
    if is_list(kinds):
        return " or ".join(str(kind) for kind in kinds or ())
    items = schema.get("items")
    if kinds == "array" and isinstance(items, Mapping):
        return f"array of {type_of(items)}"
    choices = next((schema[key] for key in ("anyOf", "oneOf", "allOf") if is_list(schema.get(key))), None)
    if kinds is None and choices is not None:
        return code(short(compact(choices)))
    return str(kinds) if kinds is not None else kind_of(schema) or "any"


def pipeline_section(graph: Graph) -> str:
    """One pipeline: how it answers, and whose parameters it takes."""
    skill = pipeline_skill(graph)
    lines = [f"### {line_of(skill['name'])} (WRITE)\n"]
    if graph.synchronous:
        most = f", {skill['timeout_secs']} s at most" if skill["timeout_secs"] is not None else ""
        lines.append(
            f"A pipeline that is waited for{most}: `200` with `status`, `result` and `tree`, or `202` where it still "
            "runs then; `?async=true` answers at once."
        )
    else:
        lines.append("A pipeline that runs on its own: `202` at once, unless you wait.")
    if skill["trigger"]:
        lines.append(f"The event {code(skill['trigger'])} starts it too.")
    firsts = [graph.nodes[node] for node in graph.entry if graph.nodes[node].plugin is not None]
    begins = " and ".join(f"`plugin.{node.plugin}.{node.command}`" for node in firsts)
    if begins:
        lines.append(f"Its payload goes to {begins}: see there for the parameters.")
    lines[-1] += "  "
    return "\n".join([*lines, f'`POST {skill["endpoint"]}` such as `{{"payload": {{}}}}`\n'])


def compact(value: Any) -> str:
    """JSON on one line."""
    return orjson.dumps(value).decode()


def short(text: str) -> str:
    """The text, cut where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def line_of(text: str) -> str:
    """One line, which no text of a manifest can leave; what would be markup in it is not."""
    return " ".join(text.split()).replace("<", "&lt;")


def code(text: str) -> str:
    """Inline code, whatever stands in it."""
    text = " ".join(text.split())
    ticks = "`"
    while ticks in text:
        ticks += "`"
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"

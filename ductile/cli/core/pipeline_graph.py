"""A pipeline drawn from its document: for people, for Mermaid, for Graphviz. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

Document = Mapping[str, Any]
"""A pipeline as `GET /pipeline/{name}` shows it."""

CONDITION_WORDS: Final = {"all": " and ", "any": " or "}


def draw_text(document: Document) -> Iterator[str]:
    """Lines: what starts it, then its steps; branches are indented, and what stands above is only named."""
    yield f"{document['name']}: {describe_trigger(document)}"
    steps = {one["step"]: one for one in document["steps"]}
    seen: set[str] = set()
    waiting = [("", name, "") for name in reversed(document["entry"])]
    several = len(document["entry"]) > 1
    while waiting:
        indent, name, label = waiting.pop()
        step = steps[name]
        mark = "- " if several and not indent else ""
        if name in seen:
            yield f"{indent}{mark}{label}{name}, as above"
            continue
        seen.add(name)
        yield f"{indent}{mark}{label}{name}: {step_target(step)}" if step["plugin"] else f"{indent}{mark}{label}{name}"
        below = indent + "  " * bool(mark)
        yield from (f"{below}    {line}" for line in step_details(step))
        waiting.extend(reversed(list(_next_lines(step, below))))


def _next_lines(step: Document, indent: str) -> Iterator[tuple[str, str, str]]:
    after, bypass = step["next"], step["bypass"]
    branches = len(after) > 1
    for name in after:
        yield (f"{indent}  ", name, "- ") if branches else (indent, name, "")
    for name in bypass:
        if name not in after:
            yield f"{indent}  ", name, "else "


def step_details(step: Document) -> Iterator[str]:
    """What a step says beside what it runs."""
    if step["if"] is not None:
        yield f"if {describe_condition(step['if'])}"
    for key, value in (step["with"] or {}).items():
        yield f"with {key} = {to_json_line(value)}"
    for target, source in step["baggage"].items():
        yield f"claims {target} = {source}"


def describe_trigger(document: Document) -> str:
    """`on a.b from echo if payload.n gt 1, synchronous within 10s`."""
    started = f"on {document['on']}" if document["on"] else ""
    hook = f"on hook {document['on_hook']}" if document["on_hook"] else ""
    words = [started or hook or "called by name"]
    if document["from_plugin"]:
        words.append(f"from {document['from_plugin']}")
    if document["if"] is not None:
        words.append(f"if {describe_condition(document['if'])}")
    seconds = document["timeout_secs"]
    within = f" within {seconds:g}s" if seconds is not None else ""
    mode = f", synchronous{within}" if document["execution_mode"] == "synchronous" else ""
    return " ".join(words) + mode


def step_target(step: Document) -> str:
    """`plugin.command`; of a gate nothing."""
    return f"{step['plugin']}.{step['command']}" if step.get("plugin") else ""


def describe_condition(one: Mapping[str, Any]) -> str:
    """A condition as a sentence: `payload.n gt 1 and not (payload.x exists)`."""
    for key, word in CONDITION_WORDS.items():
        if key in one:
            parts = [describe_condition(part) for part in one[key]]
            return word.join(f"({part})" if " or " in part or " and " in part else part for part in parts)
    if "not" in one:
        return f"not ({describe_condition(one['not'])})"
    value = f" {to_json_line(one['value'])}" if "value" in one else ""
    return f"{one['path']} {one['op']}{value}"


def to_json_line(value: Any) -> str:
    """A value as JSON on one line."""
    return orjson.dumps(value).decode()


class Drawing(Struct, frozen=True, kw_only=True):
    """What is drawn: (id, label, kind: start, gate or step), and (from id, to id, label)."""

    nodes: tuple[tuple[str, str, str], ...]
    ways: tuple[tuple[str, str, str], ...]


def build_drawing(document: Document) -> Drawing:
    """A box for each step, and before it a diamond where it has a condition."""
    steps: Sequence[Document] = document["steps"]
    boxes = {one["step"]: f"step{number}" for number, one in enumerate(steps, 1) if one["plugin"]}
    gates = {one["step"]: f"if{number}" for number, one in enumerate(steps, 1) if one["if"] is not None}
    into = {**boxes, **gates}
    nodes = [("start", f"{document['name']}: {describe_trigger(document)}", "start")]
    ways = [("start", into[name], "") for name in document["entry"]]
    for one in steps:
        name = one["step"]
        onward = [into[far] for far in one["next"]]
        if name in gates:
            nodes.append((gates[name], describe_condition(one["if"]), "gate"))
            ways += [(gates[name], held, "true") for held in ([boxes[name]] if name in boxes else onward)]
            ways += [(gates[name], into[far], "else") for far in one["bypass"]]
        if name in boxes:
            nodes.append((boxes[name], f"{name}: {step_target(one)}", "step"))
            ways += [(boxes[name], far, "") for far in onward]
    return Drawing(nodes=tuple(nodes), ways=tuple(ways))


MERMAID_SHAPES: Final = {"start": '(["{}"])', "gate": '{{"{}"}}', "step": '["{}"]'}
DOT_SHAPES: Final = {"start": "oval", "gate": "diamond", "step": "box"}


def draw_mermaid(document: Document) -> Iterator[str]:
    """A Mermaid flowchart."""
    drawn = build_drawing(document)
    yield "flowchart TD"
    for name, label, kind in drawn.nodes:
        yield f"  {name}{MERMAID_SHAPES[kind].format(_escape_mermaid(label))}"
    for start, end, label in drawn.ways:
        yield f"  {start} -->{f'|{label}|' if label else ''} {end}"


def draw_dot(document: Document) -> Iterator[str]:
    """A Graphviz digraph."""
    drawn = build_drawing(document)
    yield f"digraph {_quote_dot(document['name'])} {{"
    for name, label, kind in drawn.nodes:
        yield f"  {name} [shape={DOT_SHAPES[kind]}, label={_quote_dot(label)}];"
    for start, end, label in drawn.ways:
        yield f"  {start} -> {end}{f' [label={_quote_dot(label)}]' if label else ''};"
    yield "}"


def _escape_mermaid(label: str) -> str:
    """The label as Mermaid takes it between quotes: what it would read as markup is written by its number."""
    return "".join(f"#{ord(one)};" if one in '"#<>&`\n\\' else one for one in label)


def _quote_dot(label: str) -> str:
    """The label as Graphviz takes it."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


DRAWINGS: Final[Mapping[str, Callable[[Document], Iterator[str]]]] = {
    "text": draw_text,
    "mermaid": draw_mermaid,
    "dot": draw_dot,
}
"""What `--as` may ask for."""

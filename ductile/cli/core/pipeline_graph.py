"""Draws a pipeline from its document: as text, for Mermaid, for Graphviz. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

Document = Mapping[str, Any]
"""A pipeline as `GET /pipeline/{name}` shows it."""

CONDITION_WORDS: Final = {"all": " and ", "any": " or "}


def draw_text(document: Document) -> Iterator[str]:
    """Lines: the trigger, then the steps; branches are indented, and a step that is drawn already is only named."""
    yield f"{document['name']}: {describe_trigger(document)}"
    steps = {node["step"]: node for node in document["steps"]}
    drawn_steps: set[str] = set()
    waiting = [("", name, "") for name in reversed(document["entry"])]
    several = len(document["entry"]) > 1
    while waiting:
        indent, name, label = waiting.pop()
        step = steps[name]
        mark = "- " if several and not indent else ""
        if name in drawn_steps:
            yield f"{indent}{mark}{label}{name}, as above"
            continue
        drawn_steps.add(name)
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
    """The condition, inputs and claims of a step."""
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
    """`plugin.command`; empty for a gate."""
    return f"{step['plugin']}.{step['command']}" if step.get("plugin") else ""


def describe_condition(condition: Mapping[str, Any]) -> str:
    """A condition as a sentence: `payload.n gt 1 and not (payload.x exists)`."""
    for key, word in CONDITION_WORDS.items():
        if key in condition:
            parts = [describe_condition(part) for part in condition[key]]
            return word.join(f"({part})" if " or " in part or " and " in part else part for part in parts)
    if "not" in condition:
        return f"not ({describe_condition(condition['not'])})"
    value = f" {to_json_line(condition['value'])}" if "value" in condition else ""
    return f"{condition['path']} {condition['op']}{value}"


def to_json_line(value: Any) -> str:
    """A value as JSON on one line."""
    return orjson.dumps(value).decode()


class Drawing(Struct, frozen=True, kw_only=True):
    """Nodes (id, label, kind: start, gate or step) and edges (from id, to id, label)."""

    nodes: tuple[tuple[str, str, str], ...]
    edges: tuple[tuple[str, str, str], ...]


def build_drawing(document: Document) -> Drawing:
    """A box for each step, and a diamond before the box of a step with a condition."""
    steps: Sequence[Document] = document["steps"]
    boxes = {step["step"]: f"step{number}" for number, step in enumerate(steps, 1) if step["plugin"]}
    gates = {step["step"]: f"if{number}" for number, step in enumerate(steps, 1) if step["if"] is not None}
    into = {**boxes, **gates}
    nodes = [("start", f"{document['name']}: {describe_trigger(document)}", "start")]
    edges = [("start", into[name], "") for name in document["entry"]]
    for step in steps:
        name = step["step"]
        onward = [into[target] for target in step["next"]]
        if name in gates:
            nodes.append((gates[name], describe_condition(step["if"]), "gate"))
            edges += [(gates[name], target_box, "true") for target_box in ([boxes[name]] if name in boxes else onward)]
            edges += [(gates[name], into[target], "else") for target in step["bypass"]]
        if name in boxes:
            nodes.append((boxes[name], f"{name}: {step_target(step)}", "step"))
            edges += [(boxes[name], target, "") for target in onward]
    return Drawing(nodes=tuple(nodes), edges=tuple(edges))


MERMAID_SHAPES: Final = {"start": '(["{}"])', "gate": '{{"{}"}}', "step": '["{}"]'}
DOT_SHAPES: Final = {"start": "oval", "gate": "diamond", "step": "box"}


def draw_mermaid(document: Document) -> Iterator[str]:
    """A Mermaid flowchart."""
    drawn = build_drawing(document)
    yield "flowchart TD"
    for name, label, kind in drawn.nodes:
        yield f"  {name}{MERMAID_SHAPES[kind].format(_escape_mermaid(label))}"
    for start, end, label in drawn.edges:
        yield f"  {start} -->{f'|{label}|' if label else ''} {end}"


def draw_dot(document: Document) -> Iterator[str]:
    """A Graphviz digraph."""
    drawn = build_drawing(document)
    yield f"digraph {_quote_dot(document['name'])} {{"
    for name, label, kind in drawn.nodes:
        yield f"  {name} [shape={DOT_SHAPES[kind]}, label={_quote_dot(label)}];"
    for start, end, label in drawn.edges:
        yield f"  {start} -> {end}{f' [label={_quote_dot(label)}]' if label else ''};"
    yield "}"


def _escape_mermaid(label: str) -> str:
    """The label between quotes of Mermaid: characters of markup are written by their numbers."""
    return "".join(f"#{ord(character)};" if character in '"#<>&`\n\\' else character for character in label)


def _quote_dot(label: str) -> str:
    """The label in quotes of Graphviz."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


DRAWINGS: Final[Mapping[str, Callable[[Document], Iterator[str]]]] = {
    "text": draw_text,
    "mermaid": draw_mermaid,
    "dot": draw_dot,
}
"""The drawings by the name that `--as` takes."""

"""A pipeline drawn from its document: for people, for Mermaid, for Graphviz. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

Document = Mapping[str, Any]
"""A pipeline as `GET /pipeline/{name}` shows it."""

GROUPS: Final = {"all": " and ", "any": " or "}


def text(document: Document) -> Iterator[str]:
    """Lines: what starts it, then its steps; branches are indented, and what stands above is only named."""
    yield f"{document['name']}: {trigger(document)}"
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
        yield f"{indent}{mark}{label}{name}: {what(step)}" if step["plugin"] else f"{indent}{mark}{label}{name}"
        below = indent + "  " * bool(mark)
        yield from (f"{below}    {line}" for line in about(step))
        waiting.extend(reversed(list(_onward(step, below))))


def _onward(step: Document, indent: str) -> Iterator[tuple[str, str, str]]:
    after, bypass = step["next"], step["bypass"]
    branches = len(after) > 1
    for name in after:
        yield (f"{indent}  ", name, "- ") if branches else (indent, name, "")
    for name in bypass:
        if name not in after:
            yield f"{indent}  ", name, "else "


def about(step: Document) -> Iterator[str]:
    """What a step says beside what it runs."""
    if step["if"] is not None:
        yield f"if {condition(step['if'])}"
    for key, value in (step["with"] or {}).items():
        yield f"with {key} = {written(value)}"
    for target, source in step["baggage"].items():
        yield f"claims {target} = {source}"


def trigger(document: Document) -> str:
    """`on a.b from echo if payload.n gt 1, synchronous within 10s`."""
    started = f"on {document['on']}" if document["on"] else ""
    hook = f"on hook {document['on_hook']}" if document["on_hook"] else ""
    words = [started or hook or "called by name"]
    if document["from_plugin"]:
        words.append(f"from {document['from_plugin']}")
    if document["if"] is not None:
        words.append(f"if {condition(document['if'])}")
    seconds = document["timeout_secs"]
    within = f" within {seconds:g}s" if seconds is not None else ""
    mode = f", synchronous{within}" if document["execution_mode"] == "synchronous" else ""
    return " ".join(words) + mode


def what(step: Document) -> str:
    """`plugin.command`; of a gate nothing."""
    return f"{step['plugin']}.{step['command']}" if step.get("plugin") else ""


def condition(one: Mapping[str, Any]) -> str:
    """A condition as a sentence: `payload.n gt 1 and not (payload.x exists)`."""
    for key, word in GROUPS.items():
        if key in one:
            parts = [condition(part) for part in one[key]]
            return word.join(f"({part})" if " or " in part or " and " in part else part for part in parts)
    if "not" in one:
        return f"not ({condition(one['not'])})"
    value = f" {written(one['value'])}" if "value" in one else ""
    return f"{one['path']} {one['op']}{value}"


def written(value: Any) -> str:
    """A value as JSON on one line."""
    return orjson.dumps(value).decode()


class Picture(Struct, frozen=True, kw_only=True):
    """What is drawn: (id, label, kind: start, gate or step), and (from id, to id, label)."""

    nodes: tuple[tuple[str, str, str], ...]
    ways: tuple[tuple[str, str, str], ...]


def picture(document: Document) -> Picture:
    """A box for each step, and before it a diamond where it has a condition."""
    steps: Sequence[Document] = document["steps"]
    boxes = {one["step"]: f"step{number}" for number, one in enumerate(steps, 1) if one["plugin"]}
    gates = {one["step"]: f"if{number}" for number, one in enumerate(steps, 1) if one["if"] is not None}
    into = {**boxes, **gates}
    nodes = [("start", f"{document['name']}: {trigger(document)}", "start")]
    ways = [("start", into[name], "") for name in document["entry"]]
    for one in steps:
        name = one["step"]
        onward = [into[far] for far in one["next"]]
        if name in gates:
            nodes.append((gates[name], condition(one["if"]), "gate"))
            ways += [(gates[name], held, "true") for held in ([boxes[name]] if name in boxes else onward)]
            ways += [(gates[name], into[far], "else") for far in one["bypass"]]
        if name in boxes:
            nodes.append((boxes[name], f"{name}: {what(one)}", "step"))
            ways += [(boxes[name], far, "") for far in onward]
    return Picture(nodes=tuple(nodes), ways=tuple(ways))


MERMAID: Final = {"start": '(["{}"])', "gate": '{{"{}"}}', "step": '["{}"]'}
DOT: Final = {"start": "oval", "gate": "diamond", "step": "box"}


def mermaid(document: Document) -> Iterator[str]:
    """A Mermaid flowchart."""
    drawn = picture(document)
    yield "flowchart TD"
    for name, label, kind in drawn.nodes:
        yield f"  {name}{MERMAID[kind].format(_entities(label))}"
    for start, end, label in drawn.ways:
        yield f"  {start} -->{f'|{label}|' if label else ''} {end}"


def dot(document: Document) -> Iterator[str]:
    """A Graphviz digraph."""
    drawn = picture(document)
    yield f"digraph {_quoted(document['name'])} {{"
    for name, label, kind in drawn.nodes:
        yield f"  {name} [shape={DOT[kind]}, label={_quoted(label)}];"
    for start, end, label in drawn.ways:
        yield f"  {start} -> {end}{f' [label={_quoted(label)}]' if label else ''};"
    yield "}"


def _entities(label: str) -> str:
    """The label as Mermaid takes it between quotes: what it would read as markup is written by its number."""
    return "".join(f"#{ord(one)};" if one in '"#<>&`\n\\' else one for one in label)


def _quoted(label: str) -> str:
    """The label as Graphviz takes it."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


DRAWINGS: Final[Mapping[str, Callable[[Document], Iterator[str]]]] = {"text": text, "mermaid": mermaid, "dot": dot}
"""What `--as` may ask for."""

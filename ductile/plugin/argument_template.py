"""Templates of arguments and of stdin: `--host={payload.host}`."""

import re
from collections.abc import Iterator

from ductile.document.problem import did_you_mean
from ductile.model.program import Reference, Template

TEMPLATE_ROOTS = ("payload", "config")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_DOUBLED = "; a brace itself is written twice"


def parse_template(text: str) -> Template:
    """Literal texts and references, in order; `{{` and `}}` stand for braces. Raises ValueError with a sentence."""
    parts: list[str | Reference] = []
    literal, at = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[at : token.start()]
        at = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        else:
            parts += [literal, _reference(token)]
            literal = ""
    parts.append(literal + text[at:])
    return tuple(part for part in parts if part != "")


def parse_reference(path: str) -> Reference:
    """The reference that `payload.verbose` names. Raises ValueError with a sentence."""
    root, *rest = parts = path.split(".")
    if root not in TEMPLATE_ROOTS:
        listed = " or ".join(f"`{{{name}.…}}`" for name in TEMPLATE_ROOTS)
        message = f"`{{{path}}}` is no reference: it must begin as {listed}{did_you_mean(root, TEMPLATE_ROOTS)}"
        raise ValueError(message)
    if any(not part or part != part.strip() for part in rest):
        message = f"`{{{path}}}` is no reference: each part between dots must be a name"
        raise ValueError(message)
    return Reference(path=tuple(parts))


def _reference(token: re.Match[str]) -> Reference:
    if token[1] is None:
        message = f"the `{token[0]}` at character {token.start() + 1} has no partner{_DOUBLED}"
        raise ValueError(message)
    try:
        return parse_reference(token[1])
    except ValueError as error:
        message = f"{error}{_DOUBLED}"
        raise ValueError(message) from None


def template_references(template: Template) -> Iterator[Reference]:
    """Those of the template."""
    return (part for part in template if isinstance(part, Reference))


def literal_start(template: Template) -> str:
    """The text before the first reference."""
    return template[0] if template and isinstance(template[0], str) else ""

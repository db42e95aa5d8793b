"""Every error a user can meet: the subclasses of the one root."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from markdown import code, table

import ductile
from ductile.errors import DuctileError

AREAS = {
    "ductile.errors": "Everywhere",
    "ductile.http": "HTTP",
    "ductile.store": "State",
    "ductile.model.search_query": "State",
    "ductile.config": "Configuration",
    "ductile.plugin": "Plugins",
    "ductile.kit": "The author's kit",
    "ductile.cli": "The command line",
}


def errors() -> str:
    """All errors, by area."""
    for module in pkgutil.walk_packages(ductile.__path__, "ductile."):
        if "author" not in module.name and "zygote" not in module.name:
            import_module(module.name)
    found: dict[str, list[tuple[str, str, str]]] = {area: [] for area in [*AREAS.values(), "Other parts"]}
    for kind in sorted(set(below(DuctileError)), key=lambda one: (one.code, one.__name__)):
        area = next((title for at, title in AREAS.items() if kind.__module__.startswith(at)), "Other parts")
        found[area].append((code(kind.code), str(kind.status), message(kind)))
    return "\n".join(
        f"### {area}\n\n{table(('code', 'status', 'message'), dict.fromkeys(rows))}"
        for area, rows in found.items()
        if rows
    )


def below(kind: type[DuctileError]) -> Iterator[type[DuctileError]]:
    """The class and all that derive from it."""
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


def message(kind: type[DuctileError]) -> str:
    """The template, where `{name}` stands for what is known when it happens."""
    text = " ".join((kind.__doc__ or "").split())
    return text.replace("!r}", "}")

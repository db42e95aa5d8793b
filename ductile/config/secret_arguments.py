"""Values of a plugin's configuration that are secret, and that its manifest would write into a program's arguments."""

from collections.abc import Iterator, Mapping
from typing import Any

from ductile.document.problem import Problem
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.document.secret_values import texts_of
from ductile.model.manifest import Manifest
from ductile.model.program import Program, Reference


def secret_arguments(manifest: Manifest, config: Mapping[str, Any], secrets: frozenset[str]) -> Iterator[Problem]:
    """One problem for each such value, with its path below `config`."""
    told = set()
    for command in manifest.commands.values():
        for reference in _config_references(command.program) if command.program else ():
            names = reference.path[1:]
            if names not in told and any(_is_secret(text, secrets) for text in _texts(config, names)):
                told.add(names)
                message = (
                    f"`{reference.name}` is a secret or holds one, and the command `{command.name}` passes it as an "
                    "argument, which every user of the machine can read; let the manifest pass it by `stdin`, or give "
                    "it by the plugin's `env`"
                )
                yield Problem(code="secret_in_args", message=message, path=names)


def _config_references(program: Program) -> Iterator[Reference]:
    for group in program.groups:
        for template in group.arguments:
            for part in template:
                if isinstance(part, Reference) and part.path[0] == "config":
                    yield part


def _texts(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """What arguments would be made of the value that stands there: of a list, one for each item."""
    for name in names:
        if isinstance(value, list):
            value = value[int(name)] if name.isascii() and name.isdigit() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    for item in value if isinstance(value, list) else [value]:
        yield from texts_of(item)


def _is_secret(text: str, secrets: frozenset[str]) -> bool:
    return text in secrets or any(len(secret) >= MIN_SECRET_CHARACTERS and secret in text for secret in secrets)

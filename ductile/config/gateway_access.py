"""Where a configuration's gateway is and which token may do everything, read without the models of all settings.

Pydantic and the models take longer to import than most commands of the command line to run. What is written in a usual
way is read here; None is returned for anything else, and then the whole configuration has to be read and validated.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from ductile.config.location import DEFAULT_STATE
from ductile.config.read_files import FileReader, read_environment, resolved_paths
from ductile.document.expand import expand
from ductile.document.locations import Marks
from ductile.document.merge import merge
from ductile.document.override_names import is_override
from ductile.document.problem import Path as YamlPath
from ductile.document.read import Document
from ductile.model.address import DEFAULT_LISTEN, parse_address
from ductile.model.principal import ALL_SCOPES

SECTIONS: Final = ("api", "state")
OLD_SECTION: Final = "database"
"""The old name of `state`."""
LISTEN: Final = ("api", "listen")


class GatewayAccess(Struct, frozen=True, kw_only=True):
    """What a caller needs to know of a configuration."""

    listen: str
    """The first address."""
    token: str | None
    """The first token that may do everything."""
    state: Path
    """The database."""


def read_access(location: Path, environ: Mapping[str, str]) -> GatewayAccess | None:
    """What the files say; None where only the whole configuration tells."""
    reader = FileReader(location.parent, {})
    reader.read(location)
    documents = reader.documents
    variables, _, problems = read_environment(documents)
    wrong = [*reader.problems, *problems, *(one for document in documents.values() for one in document.problems)]
    old = any(OLD_SECTION in document.value for document in documents.values())
    if old or any(map(is_override, (*variables, *environ))) or any(one.severity == "error" for one in wrong):
        return None
    lookup = {**{name: variable.value for name, variable in variables.items()}, **environ}
    layers = []
    for path, document in documents.items():
        expanded = expand(only(document, SECTIONS), lookup, root=location.parent, kind=wanted_at)
        if expanded.problems:
            return None
        layers.append(replace(document, value=resolved_paths(expanded.value, path.parent), marks=expanded.marks))
    return found_in(reduce(merge, layers).value, location.parent)


def only(document: Document, sections: Sequence[str]) -> Document:
    """The document with these sections alone."""
    root = document.marks.root
    places: Any = root.children
    kept = [name for name in sections if name in document.value]
    return replace(
        document,
        value={name: document.value[name] for name in kept},
        marks=Marks(root._replace(children={name: places[name] for name in kept})),
    )


def wanted_at(path: YamlPath) -> type | None:
    """What the settings that are read here want to be, as the models have it: addresses anything, all others text."""
    return None if path[:2] == LISTEN else str


def found_in(value: Mapping[str, Any], root: Path) -> GatewayAccess | None:
    """What the merged sections say, where they are written in the usual way."""
    api, state = value.get("api"), value.get("state") or {}
    if not isinstance(api, Mapping) or api.get("enabled", True) is not True or not isinstance(state, Mapping):
        return None
    listen, auth, database = api.get("listen", DEFAULT_LISTEN), api.get("auth") or {}, state.get("path")
    addresses = [parse_address(one) for one in (listen if isinstance(listen, list) else [listen])]
    tokens = auth.get("tokens") or [] if isinstance(auth, Mapping) else None
    usual = isinstance(tokens, list) and all(map(is_usual_token, tokens)) and (database is None or is_text(database))
    if not usual or not addresses or None in addresses or len(set(addresses)) < len(addresses):
        return None
    token = next((one["token"] for one in tokens or () if ALL_SCOPES in one.get("scopes", ())), None)
    return GatewayAccess(listen=str(addresses[0]), token=token, state=Path(database or root / DEFAULT_STATE))


def is_usual_token(token: Any) -> bool:
    """Whether an entry of `api.auth.tokens` is written in the usual way."""
    scopes = token.get("scopes", []) if isinstance(token, Mapping) else None
    return isinstance(scopes, list) and all(map(is_text, scopes)) and is_text(token.get("token"))


def is_text(value: Any) -> bool:
    """Whether it is text with something in it."""
    return isinstance(value, str) and bool(value.strip())

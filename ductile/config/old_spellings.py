"""Old spellings of configuration keys and settings that mean nothing here: one table, each row a located warning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from ductile.document.locations import Location, Marks
from ductile.document.paths import value_at
from ductile.document.problem import Path, Problem
from ductile.flow.template import escape_braces

ANY = "*"
"""In a pattern: every member of a map or a list."""
STEPS = "**"
"""In a pattern: every step of a pipeline, however deep."""

MEANINGLESS_SCOPES = frozenset({"state:ro"})


def _same(value: Any) -> Any:
    return value


def _always(value: Any) -> bool:
    del value
    return True


class Old(Struct, frozen=True, kw_only=True):
    """One old spelling: where it stands, what is said of it, and what becomes of it."""

    at: Path
    says: str = ""
    """The warning; nothing is said of a spelling that is as good as ours."""
    to: Path | None = None
    """The path relative to the old key's parent where it goes (`..` climbs); None takes it out, () leaves it."""
    turn: Callable[[Any], Any] = _same
    when: Callable[[Any], bool] = _always
    join: Callable[[Any, Any], Any] | None = None
    """Makes one value of what is there already and the old one; without it, what is there already wins."""


def _false(value: Any) -> bool:
    return value is False


def _is(word: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value == word


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _both(there: Any, old: Any) -> Any:
    return {**old, **there} if isinstance(there, Mapping) and isinstance(old, Mapping) else there


_NOTHING = "`{}` means nothing here and is left out"

TABLE: tuple[Old, ...] = (
    Old(at=("database",), to=("state",), join=_both),
    Old(at=("log_level",), to=("service", "log_level"), says="`log_level` is an old place; write `service.log_level`"),
    Old(at=("tcc_paths",), says=_NOTHING.format("tcc_paths")),
    Old(at=("workspace",), says=_NOTHING.format("workspace")),
    *(
        Old(at=("service", key), says=_NOTHING.format(key))
        for key in (
            "job_transitions_retention",
            "job_attempts_retention",
            "breaker_transitions_retention",
            "hook_max_depth",
            "unconfined",
        )
    ),
    Old(
        at=("service", "plugin_env_passthrough"),
        says="`plugin_env_passthrough` is an old spelling; write `inherit_env`",
        to=("inherit_env",),
    ),
    *(
        Old(
            at=("api", "auth", "tokens", ANY, "scopes", ANY),
            says=f"scope `job:{access}` is an old spelling; write `jobs:{access}`",
            to=(ANY,),
            when=_is(f"job:{access}"),
            turn=lambda scope: scope.replace("job:", "jobs:"),
        )
        for access in ("ro", "rw")
    ),
    Old(
        at=("api", "auth", "tokens", ANY, "scopes", ANY),
        says="scope `state:ro` means nothing here and is left out",
        to=(),
        when=_is("state:ro"),
    ),
    Old(
        at=("webhooks",),
        says="a flat list of webhooks is an old form; write `webhooks.endpoints`",
        to=(),
        when=_is_list,
    ),
    Old(at=("tokens", ANY, "scopes_hash"), says=_NOTHING.format("scopes_hash")),
    Old(
        at=("plugins", ANY, "schedule"),
        says="`schedule` is an old spelling; write `schedules`, a list",
        to=("schedules", 0),
        when=_is_map,
    ),
    Old(at=("plugins", ANY, "schedule"), says="`schedule` is an old spelling; write `schedules`", to=("schedules",)),
    Old(at=("plugins", ANY, "schedules", ANY, "preferred_window"), says=_NOTHING.format("preferred_window")),
    Old(
        at=("plugins", ANY, "concurrency_safe"),
        says="`concurrency_safe` is the manifest's; write `parallelism: 1`",
        to=("parallelism",),
        when=_false,
        turn=lambda _: 1,
    ),
    Old(at=("plugins", ANY, "concurrency_safe"), says="`concurrency_safe` is the manifest's and is left out here"),
    Old(at=("plugins", ANY, "path"), says="`path` is left out: plugins are found below `plugin_roots`"),
    Old(
        at=("pipelines", ANY, STEPS, "payload"),
        says="`payload` of a step is an old spelling; write `with`",
        to=("with",),
        turn=escape_braces,
        join=_both,
    ),
)


def modernize(value: Any, marks: Marks, table: Sequence[Old] = TABLE) -> tuple[Any, Marks, list[Problem]]:
    """A document in today's spelling, with its places, and a warning for each old spelling."""
    problems: list[Problem] = []
    place = marks.root
    for row in table:
        for path in list(matching_paths(value, row.at)):
            old = value_at(value, path)
            if not row.when(old):
                continue
            mark = Marks(place).of(path) if row.at[-1] == ANY else Marks(place).key(path)
            value, place, note = _apply(value, place, row, path)
            if row.says:
                message = row.says + note
                problems.append(Problem(code="legacy", message=message, path=path, mark=mark, severity="warning"))
    return value, Marks(place), problems


def matching_paths(value: Any, pattern: Path, at: Path = ()) -> Iterator[Path]:
    """The paths in a value that a pattern stands for."""
    if not pattern:
        yield at
        return
    head, rest = pattern[0], pattern[1:]
    if head == STEPS:
        for path, step in _steps(value, at):
            yield from matching_paths(step, rest, path)
    elif head == ANY:
        members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        for key, member in members:
            yield from matching_paths(member, rest, (*at, key))
    elif isinstance(value, Mapping) and head in value:
        yield from matching_paths(value[head], rest, (*at, head))


def _steps(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    for key in ("steps", "split"):
        steps = value.get(key) if isinstance(value, Mapping) else None
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            path = (*at, key, index)
            yield path, step
            yield from _steps(step, path)


def _apply(value: Any, place: Location, row: Old, path: Path) -> tuple[Any, Location, str]:
    """The document after one row, and what to add to its sentence."""
    if row.to == ():
        return value, place, ""
    old, old_place = value_at(value, path), _place(place, path)
    if row.to == (ANY,):
        return *_put(value, place, path, row.turn(old), old_place), ""
    value, place = _drop(value, place, path)
    if row.to is None:
        return value, place, ""
    target = (*path[:-1], *row.to)
    there = value_at(value, target[:-1] if row.to[-1] == 0 else target)
    if there is None:
        return *_put(value, place, target, row.turn(old), old_place), ""
    if row.join is not None:
        return *_put(value, place, target, row.join(there, row.turn(old)), _place(place, target)), ""
    named = ".".join(str(part) for part in row.to if part != 0)
    return value, place, f"; it is left out, since `{named}` is given too"


def _place(place: Location, path: Path) -> Location:
    for part in path:
        children: Any = place.children
        place = children[part]
    return place


def _put(value: Any, place: Location, path: Path, new: Any, new_place: Location) -> tuple[Any, Location]:
    """A copy with another value at the path; maps (and a list of one) are made where there is nothing."""
    if not path:
        return new, new_place
    head, rest = path[0], path[1:]
    children: Any = place.children
    if isinstance(head, int):
        members = value if isinstance(value, list) else [None]
        places = children if isinstance(value, list) else [new_place._replace(children=None)]
        member, inner = _put(members[head], places[head], rest, new, new_place)
        after = head + 1
        return [*members[:head], member, *members[after:]], place._replace(
            children=[*places[:head], inner, *places[after:]]
        )
    known: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    marked: Mapping[str, Location] = children if isinstance(value, Mapping) else {}
    unmarked = new_place._replace(children=None)
    member, inner = _put(known.get(head), marked.get(head, unmarked), rest, new, new_place)
    return {**known, head: member}, place._replace(children={**marked, head: inner})


def _drop(value: Any, place: Location, path: Path) -> tuple[Any, Location]:
    """A copy without the key at the path."""
    head = path[0]
    children: Any = place.children
    if len(path) > 1:
        return _put(value, place, path[:1], *_drop(value[head], children[head], path[1:]))
    kept = {key: inner for key, inner in children.items() if key != head}
    return {key: member for key, member in value.items() if key != head}, place._replace(children=kept)

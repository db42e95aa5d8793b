"""`baggage`: the facts of a payload that later steps may rely on.

`durable.path: payload.x` claims one value; `from: payload.object` with `namespace: ns` claims every member of an
object below `ns`. Claims read what comes into the step and never each other. What has been claimed never changes:
the same value again is fine, another value is an error.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ductile.document.problem import Path, Problem
from ductile.flow.errors import BaggageError
from ductile.flow.json_value import MISSING, json_equal, json_kind
from ductile.flow.path import path_fault, segments, value_at
from ductile.model.graph import Claim

PATH_ROOTS: Final = ("payload", "context")
RESERVED_PREFIX: Final = "ductile_"
"""Prefix of the gateway's own names in the context."""
MAX_LEVELS: Final = 200
"""How deep objects that are merged with inherited ones may nest; JSON text may not nest much deeper either."""

_BULK_KEYS: Final = ("from", "namespace")


def parse_claims(raw: Mapping[str, str]) -> tuple[Claim, ...]:
    """The claims of a checked `baggage` mapping, in its order."""
    single = [Claim(target=target, source=source) for target, source in raw.items() if target not in _BULK_KEYS]
    if "from" in raw:
        single.append(Claim(target=raw["namespace"], source=raw["from"], bulk=True))
    return tuple(single)


def apply_claims(
    claims: tuple[Claim, ...], payload: Mapping[str, Any], context: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The context with the claims added; the very same object where they add nothing. Raises `BaggageError`."""
    roots = {"payload": payload, "context": context}
    grown = context
    for claim in claims:
        grown = _merge(grown, _claim_tree(claim, roots), claim, 0)
    return grown


def _claim_tree(claim: Claim, roots: Mapping[str, Any]) -> Mapping[str, Any]:
    """A context that holds only the claim's value, at the claim's target."""
    value = value_at(claim.source, roots)
    if value is MISSING:
        raise BaggageError(target=claim.target, reason=f"there is nothing at `{claim.source}`")
    if claim.bulk and not isinstance(value, Mapping):
        reason = f"`from` must lead to an object, but `{claim.source}` is {json_kind(value)}"
        raise BaggageError(target=claim.target, reason=reason)
    for part in reversed(segments(claim.target)):
        value = {part: value}
    return value  # type: ignore[no-any-return]  # a target has at least one part, so this is a mapping


def _merge(old: Any, new: Any, claim: Claim, level: int) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return _merge_mappings(old, new, claim, level)
    if json_equal(old, new):
        return old
    reason = f"`{claim.source}` would change a value that an earlier step claimed; claim it under another name"
    raise BaggageError(target=claim.target, reason=reason)


def _merge_mappings(old: Mapping[str, Any], new: Mapping[str, Any], claim: Claim, level: int) -> Mapping[str, Any]:
    if level > MAX_LEVELS:
        raise BaggageError(target=claim.target, reason=f"objects nest deeper than {MAX_LEVELS} levels")
    changed = {}
    for key, value in new.items():
        inherited = old.get(key, MISSING)
        merged = value if inherited is MISSING else _merge(inherited, value, claim, level + 1)
        if merged is not inherited:
            changed[key] = merged
    return {**old, **changed} if changed else old


def check_baggage(raw: Mapping[str, Any], at: Path = ()) -> tuple[Problem, ...]:
    """All problems of a `baggage` mapping as the author wrote it."""
    return (*_bulk_faults(raw, at), *_single_faults(raw, at), *_overlaps(raw, at))


def _single_faults(raw: Mapping[str, Any], at: Path) -> Iterator[Problem]:
    for target, source in raw.items():
        if target in _BULK_KEYS:
            continue
        place = (*at, str(target))
        if fault := _target_fault(target):
            yield Problem(code="bad_value", message=fault, path=place)
        if fault := path_fault(source, PATH_ROOTS):
            yield Problem(code="bad_value", message=fault, path=place)


def _bulk_faults(raw: Mapping[str, Any], at: Path) -> Iterator[Problem]:
    if "from" in raw:
        if fault := path_fault(raw["from"], PATH_ROOTS):
            yield Problem(code="bad_value", message=fault, path=(*at, "from"))
        if "namespace" not in raw:
            message = "`from` needs a `namespace`, under which what it finds is kept"
            yield Problem(code="missing", message=message, path=(*at, "from"))
    if "namespace" in raw:
        if "from" not in raw:
            message = "`namespace` needs a `from` that says what to keep under it"
            yield Problem(code="missing", message=message, path=(*at, "namespace"))
        if fault := _target_fault(raw["namespace"]):
            yield Problem(code="bad_value", message=fault, path=(*at, "namespace"))


def _target_fault(target: Any) -> str | None:
    if not isinstance(target, str):
        return f"a durable path must be text such as `video.title`, not {json_kind(target)}"
    dot = "" if target.startswith("[") else "."
    if path_fault(f"context{dot}{target}", ("context",)):
        return (
            f"`{target}` is no durable path: write names with dots between them, such as `video.title`, "
            'and other names in brackets, such as `["app.io/name"]`'
        )
    if segments(target)[0].startswith(RESERVED_PREFIX):
        return f"`{target}` is no durable path: names that begin with `{RESERVED_PREFIX}` are the gateway's own"
    return None


def _overlaps(raw: Mapping[str, Any], at: Path) -> Iterator[Problem]:
    """Pairs of targets of which one lies inside the other: both can never hold."""
    targets = {key: key for key in raw if isinstance(key, str) and key not in _BULK_KEYS}
    if isinstance(raw.get("namespace"), str):
        targets["namespace"] = raw["namespace"]
    key_by_segments = {segments(target): key for key, target in targets.items()}
    for key, target in targets.items():
        parts = segments(target)
        above = [parts[:length] for length in range(1, len(parts)) if parts[:length] in key_by_segments]
        if key_by_segments[parts] != key:
            above.append(parts)
        for other in above:
            message = f"`{target}` and `{targets[key_by_segments[other]]}` overlap; a durable path is claimed once"
            yield Problem(code="bad_value", message=message, path=(*at, key))

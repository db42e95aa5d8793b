"""Tokens: who may call, and what they may do."""

import re
from collections.abc import Collection

from blake3 import blake3

from ductile.config.old_spellings import MEANINGLESS_SCOPES
from ductile.config.schema.api import Token
from ductile.document.locations import Marks
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.validation import problem_at
from ductile.model.principal import BASE_SCOPES, Principal

MIN_TOKEN_CHARACTERS = 8
"""Characters; a shorter token can be guessed."""

_TOKENS_PATH: Path = ("api", "auth", "tokens")
_PLUGIN_SCOPE = re.compile(r"(?P<kind>plugin):(?P<plugin>[^:]+):(?:ro|rw)|(?P<other>pipeline):(?P<pipeline>.+)")


def compile_principals(
    tokens: list[Token | None], plugins: Collection[str], pipelines: Collection[str], marks: Marks
) -> tuple[dict[str, Principal], list[Problem]]:
    """BLAKE3 (hex) of a token → who it is; an entry that is None was wrong in itself."""
    principals: dict[str, Principal] = {}
    problems: list[Problem] = []
    names: dict[str, Path] = {}
    hashes: dict[str, Path] = {}
    for index, token in enumerate(tokens):
        if token is None:
            continue
        at: Path = (*_TOKENS_PATH, index)
        digest = blake3(token.token.encode()).hexdigest()
        problems += _weak_token(token, at, marks)
        problems += _duplicate_name("token", digest, hashes, (*at, "token"), marks)
        if token.name is not None:
            problems += _duplicate_name(f"token name `{token.name}`", token.name, names, (*at, "name"), marks)
        for number, scope in enumerate(token.scopes):
            problems += _unknown_scopes(scope, plugins, pipelines, (*at, "scopes", number), marks)
        principals[digest] = Principal(
            id=f"token:{token.name or digest[:8]}",
            kind="token",
            scopes=frozenset(token.scopes) - MEANINGLESS_SCOPES,
            expires_at=token.expires_at,
        )
    return principals, problems


def _weak_token(token: Token, at: Path, marks: Marks) -> list[Problem]:
    if not token.token.strip():
        return [problem_at("bad_value", "`token` must not be empty", (*at, "token"), marks)]
    problems = []
    if len(token.token) < MIN_TOKEN_CHARACTERS:
        message = (
            f"this token has fewer than {MIN_TOKEN_CHARACTERS} characters and can be guessed; use a long random one"
        )
        problems.append(problem_at("weak_token", message, (*at, "token"), marks, severity="warning"))
    if not token.scopes:
        message = "this token has no `scopes`, so it may do nothing"
        problems.append(problem_at("no_scopes", message, at, marks, severity="warning"))
    return problems


def _duplicate_name(what: str, value: str, seen: dict[str, Path], at: Path, marks: Marks) -> list[Problem]:
    """A value that must be unique and is not."""
    if value not in seen:
        seen[value] = at
        return []
    message = f"this {what} stands already at {marks.of(seen[value])}"
    return [problem_at("duplicate", message, at, marks)]


def _unknown_scopes(
    scope: str, plugins: Collection[str], pipelines: Collection[str], at: Path, marks: Marks
) -> list[Problem]:
    """A scope that is none (an error), or that names what is not there (a warning: it grants nothing)."""
    if scope in BASE_SCOPES or scope in MEANINGLESS_SCOPES:
        return []
    narrow = _PLUGIN_SCOPE.fullmatch(scope)
    if narrow is None:
        forms = "`plugin:<name>:ro`, `plugin:<name>:rw` and `pipeline:<name>`"
        hint = did_you_mean(scope, BASE_SCOPES) or f"; scopes are {_listed(BASE_SCOPES)}, {forms}"
        return [problem_at("unknown_scope", f"`{scope}` is no scope{hint}", at, marks)]
    kind, known = ("plugin", plugins) if narrow["kind"] else ("pipeline", pipelines)
    name = narrow["plugin"] or narrow["pipeline"]
    if name in known:
        return []
    message = f"scope `{scope}` grants nothing: there is no {kind} `{name}`{did_you_mean(name, known)}"
    return [problem_at("unknown_scope", message, at, marks, severity="warning")]


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))

"""The group of nouns that `ductile` itself is."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]  # not re-exported by name

from ductile.cli.codes import UsageError
from ductile.cli.command import default_of
from ductile.cli.nouns import NOUNS, load
from ductile.cli.options import BEFORE, hidden
from ductile.cli.output import tell
from ductile.cli.plain_values import Group
from ductile.model.names import NAME_PATTERN


class Root(Group):
    """Knows every noun by its sentence, and loads the one that is used."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # its Context is vendored
        """All nouns, in their order."""
        del ctx
        return list(NOUNS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        """A noun with its commands, or None."""
        del ctx
        return load(cmd_name) if cmd_name in NOUNS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The nouns' sentences, without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.help) for name, noun in NOUNS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The noun that is named first, else the commands of a plugin."""
        if args and args[0] not in NOUNS and not args[0].startswith("-"):
            return args[0], plugin_commands(ctx, args[0]), args[1:]
        if not ctx.resilient_parsing:
            refuse_before(ctx, args)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Nouns, plugins and options, without loading the nouns."""
        from ductile.cli import completing  # noqa: PLC0415 - only a shell asks

        known = [(name, noun.help) for name, noun in NOUNS.items()]
        plugins = [] if incomplete.startswith("-") else completing.ask_plugins(before(ctx))
        found = [CompletionItem(name, help=help_) for name, help_ in [*known, *plugins] if name.startswith(incomplete)]
        return [*found, *super(TyperGroup, self).shell_complete(ctx, incomplete)]


def with_before(function: Callable[..., None]) -> Callable[..., None]:
    """The root's function, with the options that may stand before a plugin's name; they stay in the context."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_of(kind), annotation=hidden(kind))
        for name, kind in BEFORE.items()
    ]

    @wraps(function)
    def root(**given: Any) -> None:
        function(**{one.name: given[one.name] for one in own})

    root.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # what inspect.signature() asks
    root.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return root


def before(ctx: Any) -> Mapping[str, Any]:
    """What was said before the plugin's name."""
    return {name: ctx.params[name] for name in BEFORE if ctx.params.get(name)}


def refuse_before(ctx: Any, args: Sequence[str]) -> None:
    """Options before a noun have no effect there, so they are refused. Raises UsageError."""
    for name in before(ctx):
        flag = BEFORE[name].__metadata__[0].default
        raise UsageError(
            reason=f"{flag} stands after a command of ductile's own: ductile {' '.join(args[:2])} {flag} …"
        )


def plugin_commands(ctx: Any, name: str) -> TyperGroup:
    """The commands of a plugin. Where a shell asks that completes, and they cannot be seen: none.

    Raises NoSuchVerb or NotSeen with what was probably meant, or what the gateway answers.
    """
    from ductile.cli import lookup, verbs  # noqa: PLC0415 - the client and the compiler, which --help does not need

    said = before(ctx)
    if ctx.resilient_parsing:
        from ductile.cli import completing  # noqa: PLC0415 - as above

        return verbs.group(completing.plugin_document(said, name) or {"name": name, "commands": []}, said)
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(reason=f"there is no {name!r}{meant(ctx, name)}")
    found = lookup.verb(said, name, lambda plugins: meant(ctx, name, plugins), teller(said))
    return verbs.group(found, said)


def teller(said: Mapping[str, Any]) -> Callable[[str], None]:
    """Tells what --verbose tells."""
    return tell if said.get("verbose") else lambda _: None


def meant(ctx: Any, wrong: str, plugins: Sequence[str] = ()) -> str:
    """`; did you mean `ductile system reload`?`: a noun, a plugin or the verb of a noun. Else nothing."""
    nouns = {name: name for name in (*plugins, *NOUNS)}
    verbs = {verb: f"{name} {verb}" for name in reversed(list(NOUNS)) for verb in verbs_of(ctx, name)}
    for known in (nouns, verbs):
        near = difflib.get_close_matches(wrong, known, n=1)
        if near:
            return f"; did you mean `ductile {known[near[0]]}`?"
    return ""


def verbs_of(ctx: Any, name: str) -> Sequence[str]:
    """The verbs of a noun; none of one that is a command itself."""
    noun = load(name)
    return noun.list_commands(ctx) if isinstance(noun, TyperGroup) else ()

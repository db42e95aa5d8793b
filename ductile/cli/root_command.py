"""The group of nouns that `ductile` itself is."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]  # not re-exported by name

from ductile.cli.command_groups import COMMAND_GROUPS, load_group
from ductile.cli.core.command import default_value
from ductile.cli.core.errors import UsageError
from ductile.cli.core.options import LEADING_OPTIONS, hide_option
from ductile.cli.core.output import tell
from ductile.cli.core.plain_values import PlainGroup
from ductile.model.names import NAME_PATTERN


class RootGroup(PlainGroup):
    """Knows every noun by its sentence, and loads the one that is used."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # its Context is vendored
        """All nouns, in their order."""
        del ctx
        return list(COMMAND_GROUPS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        """A noun with its commands, or None."""
        del ctx
        return load_group(cmd_name) if cmd_name in COMMAND_GROUPS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The nouns' sentences, without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.help) for name, noun in COMMAND_GROUPS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The noun that is named first, else the commands of a plugin."""
        if args and args[0] not in COMMAND_GROUPS and not args[0].startswith("-"):
            return args[0], load_plugin_commands(ctx, args[0]), args[1:]
        if not ctx.resilient_parsing:
            refuse_leading_options(ctx, args)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Nouns, plugins and options, without loading the nouns."""
        from ductile.cli.core import completers  # noqa: PLC0415 - only a shell asks

        known = [(name, noun.help) for name, noun in COMMAND_GROUPS.items()]
        plugins = [] if incomplete.startswith("-") else completers.plugin_completions(leading_options(ctx))
        found = [CompletionItem(name, help=help_) for name, help_ in [*known, *plugins] if name.startswith(incomplete)]
        return [*found, *super(TyperGroup, self).shell_complete(ctx, incomplete)]


def add_leading_options(function: Callable[..., None]) -> Callable[..., None]:
    """The root's function, with the options that may stand before a plugin's name; they stay in the context."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default_value(kind), annotation=hide_option(kind)
        )
        for name, kind in LEADING_OPTIONS.items()
    ]

    @wraps(function)
    def root(**given: Any) -> None:
        function(**{one.name: given[one.name] for one in own})

    root.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # what inspect.signature() asks
    root.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return root


def leading_options(ctx: Any) -> Mapping[str, Any]:
    """What was said before the plugin's name."""
    return {name: ctx.params[name] for name in LEADING_OPTIONS if ctx.params.get(name)}


def refuse_leading_options(ctx: Any, args: Sequence[str]) -> None:
    """Options before a noun have no effect there, so they are refused. Raises UsageError."""
    for name in leading_options(ctx):
        flag = LEADING_OPTIONS[name].__metadata__[0].default
        raise UsageError(
            reason=f"{flag} stands after a command of ductile's own: ductile {' '.join(args[:2])} {flag} …"
        )


def load_plugin_commands(ctx: Any, name: str) -> TyperGroup:
    """The commands of a plugin. Where a shell asks that completes, and they cannot be seen: none.

    Raises NoSuchVerb or NotSeen with what was probably meant, or what the gateway answers.
    """
    from ductile.cli.core import plugin_commands  # noqa: PLC0415 - the client and the compiler, which --help does not need
    from ductile.cli.core.gateway import plugin_lookup  # noqa: PLC0415 - the client and the compiler, which --help does not need

    said = leading_options(ctx)
    if ctx.resilient_parsing:
        from ductile.cli.core import completers  # noqa: PLC0415 - as above

        return plugin_commands.plugin_group(
            completers.plugin_document(said, name) or {"name": name, "commands": []}, said
        )
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(reason=f"there is no {name!r}{suggest_command(ctx, name)}")
    found = plugin_lookup.find_verb_plugin(
        said, name, lambda plugins: suggest_command(ctx, name, plugins), detail_teller(said)
    )
    return plugin_commands.plugin_group(found, said)


def detail_teller(said: Mapping[str, Any]) -> Callable[[str], None]:
    """Tells what --verbose tells."""
    return tell if said.get("verbose") else lambda _: None


def suggest_command(ctx: Any, wrong: str, plugins: Sequence[str] = ()) -> str:
    """`; did you mean `ductile system reload`?`: a noun, a plugin or the verb of a noun. Else nothing."""
    nouns = {name: name for name in (*plugins, *COMMAND_GROUPS)}
    verbs = {verb: f"{name} {verb}" for name in reversed(list(COMMAND_GROUPS)) for verb in group_commands(ctx, name)}
    for known in (nouns, verbs):
        near = difflib.get_close_matches(wrong, known, n=1)
        if near:
            return f"; did you mean `ductile {known[near[0]]}`?"
    return ""


def group_commands(ctx: Any, name: str) -> Sequence[str]:
    """The verbs of a noun; none of one that is a command itself."""
    noun = load_group(name)
    return noun.list_commands(ctx) if isinstance(noun, TyperGroup) else ()

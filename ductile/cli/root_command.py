"""The root command `ductile`: its groups of commands, and the commands of plugins."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]  # not re-exported by name

from ductile.cli.command_groups import COMMAND_GROUPS, load_group
from ductile.cli.core.command import own_parameters, set_parameters
from ductile.cli.core.errors import UsageError
from ductile.cli.core.options import LEADING_OPTIONS, hide_option
from ductile.cli.core.output import tell
from ductile.cli.core.plain_values import PlainGroup
from ductile.model.names import NAME_PATTERN


class RootGroup(PlainGroup):
    """Lists all groups of commands, and loads the one that is used."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # its Context is vendored
        """The names of all groups, in order."""
        del ctx
        return list(COMMAND_GROUPS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        """A group with its commands, or None."""
        del ctx
        return load_group(cmd_name) if cmd_name in COMMAND_GROUPS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The sentences about the groups, without loading the groups."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.help) for name, noun in COMMAND_GROUPS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The group that the first word names, else the commands of a plugin."""
        if args and args[0] not in COMMAND_GROUPS and not args[0].startswith("-"):
            return args[0], load_plugin_commands(ctx, args[0]), args[1:]
        if not ctx.resilient_parsing:
            refuse_leading_options(ctx, args)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Groups, plugins and options, without loading the groups."""
        from ductile.cli.core import completers  # only a shell asks

        candidates = [(name, noun.help) for name, noun in COMMAND_GROUPS.items()]
        plugins = [] if incomplete.startswith("-") else completers.plugin_completions(leading_options(ctx))
        completions = [
            CompletionItem(name, help=help_) for name, help_ in [*candidates, *plugins] if name.startswith(incomplete)
        ]
        return [*completions, *super(TyperGroup, self).shell_complete(ctx, incomplete)]


def add_leading_options(function: Callable[..., None]) -> Callable[..., None]:
    """The root's function with the options that may stand before a plugin's name; their values stay in the context."""
    own = own_parameters(function)

    @wraps(function)
    def root(**values: Any) -> None:
        function(**{one.name: values[one.name] for one in own})

    return set_parameters(root, own, {name: hide_option(kind) for name, kind in LEADING_OPTIONS.items()})


def leading_options(ctx: Any) -> Mapping[str, Any]:
    """The values of the options before the plugin's name."""
    return {name: ctx.params[name] for name in LEADING_OPTIONS if ctx.params.get(name)}


def refuse_leading_options(ctx: Any, args: Sequence[str]) -> None:
    """Refuse options before a group, where they would have no effect. Raises UsageError."""
    for name in leading_options(ctx):
        flag = LEADING_OPTIONS[name].__metadata__[0].default
        raise UsageError(
            reason=f"{flag} stands after a command of ductile's own: ductile {' '.join(args[:2])} {flag} …"
        )


def load_plugin_commands(ctx: Any, name: str) -> TyperGroup:
    """The commands of a plugin; none where a completing shell asks and nobody knows the plugin.

    Raises NoSuchVerb or PluginLookupFailed with a suggestion, or the error of the gateway.
    """
    from ductile.cli.core import plugin_commands  # the client and the compiler, which --help does not need
    from ductile.cli.core.gateway import plugin_lookup  # the client and the compiler, which --help does not need

    options = leading_options(ctx)
    if ctx.resilient_parsing:
        from ductile.cli.core import completers

        return plugin_commands.plugin_group(
            completers.plugin_document(options, name) or {"name": name, "commands": []}, options
        )
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(reason=f"there is no {name!r}{suggest_command(ctx, name)}")
    completions = plugin_lookup.find_verb_plugin(
        options, name, lambda plugins: suggest_command(ctx, name, plugins), detail_teller(options)
    )
    return plugin_commands.plugin_group(completions, options)


def detail_teller(options: Mapping[str, Any]) -> Callable[[str], None]:
    """A function that tells the details that --verbose shows."""
    return tell if options.get("verbose") else lambda _: None


def suggest_command(ctx: Any, wrong: str, plugins: Sequence[str] = ()) -> str:
    """`; did you mean `ductile system reload`?`: a group, a plugin or a command of a group. Else nothing."""
    nouns = {name: name for name in (*plugins, *COMMAND_GROUPS)}
    verbs = {verb: f"{name} {verb}" for name in reversed(list(COMMAND_GROUPS)) for verb in group_commands(ctx, name)}
    for candidates in (nouns, verbs):
        near = difflib.get_close_matches(wrong, candidates, n=1)
        if near:
            return f"; did you mean `ductile {candidates[near[0]]}`?"
    return ""


def group_commands(ctx: Any, name: str) -> Sequence[str]:
    """The commands of a group; none where the group is a command itself."""
    noun = load_group(name)
    return noun.list_commands(ctx) if isinstance(noun, TyperGroup) else ()

"""The group of nouns that `ductile` itself is."""

import difflib
from typing import Any

import typer
from typer.core import TyperGroup

from ductile.cli.nouns import NOUNS, load


class Root(TyperGroup):
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
        """The noun that is named first. Otherwise what was probably meant: a noun, or the verb of one."""
        if args and args[0] not in NOUNS and not args[0].startswith("-"):
            ctx.fail(f"There is no {args[0]!r}{meant(ctx, args[0])}")
        return super().resolve_command(ctx, args)


def meant(ctx: Any, wrong: str) -> str:
    """`; did you mean `ductile system reload`?`, or what there is."""
    near = difflib.get_close_matches(wrong, NOUNS, n=1)
    if near:
        return f"; did you mean `ductile {near[0]}`?"
    verbs = {verb: name for name in reversed(list(NOUNS)) for verb in load(name).list_commands(ctx)}
    near = difflib.get_close_matches(wrong, verbs, n=1)
    if near:
        return f"; did you mean `ductile {verbs[near[0]]} {near[0]}`?"
    return f"; there are {', '.join(NOUNS)}."

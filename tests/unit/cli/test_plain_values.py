"""Values that are read without pydantic mean what Typer means by them."""

from typing import Annotated, Any

import pytest
import typer
import typer.main
from typer.core import TyperCommand

from ductile.cli.core.plain_values import PlainCommand

Values = dict[str, Any]


def parse(kind: type[TyperCommand], *words: str) -> Any:
    """What a command of this class reads from the words, or how it refuses them."""
    found: Values = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(cls=kind)
    def command(
        texts: Annotated[list[str] | None, typer.Argument()] = None,
        *,
        name: Annotated[str | None, typer.Option("--name")] = None,
        tags: Annotated[list[str] | None, typer.Option("--tag")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=50)] = 7,
        port: Annotated[int | None, typer.Option("--port")] = None,
        on: Annotated[bool, typer.Option("--on")] = False,
        maybe: Annotated[bool | None, typer.Option("--yes/--no")] = None,
    ) -> None:
        found.update(texts=texts, name=name, tags=tags, limit=limit, port=port, on=on, maybe=maybe)

    try:
        typer.main.get_command(app).main(list(words), standalone_mode=False)
    except typer.exceptions.TyperException as error:
        return type(error), error.format_message()
    return found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a b --name x --tag 1 --tag 2 --limit 50 --port -3 --on --no",
        "--limit 0",
        "--limit 51",
        "--limit 1.0",
        "--limit ten",
        "--limit 007",
        "--limit 1_0",
        "--limit +5",
        "--port 99999999999999999999999",
        "--port=",
        "--name=",
        "--nam x",
        "--limit ٣",
    ],
)
def test_plain_values_and_errors_are_typers(line: str) -> None:
    words = line.split()
    assert parse(PlainCommand, *words) == parse(TyperCommand, *words)

"""`ductile api`: any call of the gateway, as it is."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ductile.cli.codes import Exit, UsageError
from ductile.cli.command import command, noun
from ductile.cli.completing import api_paths, methods
from ductile.cli.output import Out
from ductile.cli.payload import read_bytes

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Answer

app = noun("Call the gateway's HTTP API as it is.")

Method = Annotated[str, typer.Argument(metavar="METHOD", autocompletion=methods)]
Path = Annotated[str, typer.Argument(metavar="PATH", autocompletion=api_paths)]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="JSON|@FILE|-", help="The body: as it is given, of @file, or - of stdin."),
]
Header = Annotated[list[str] | None, typer.Option("--header", metavar="NAME: VALUE", help="A header. May be repeated.")]
Include = Annotated[bool, typer.Option("--include", help="Print the status and the headers, too.")]

EXITS: Mapping[int, Exit] = {401: Exit.AUTH, 403: Exit.AUTH, 404: Exit.NOT_FOUND, 422: Exit.CONFIGURATION}
FIRST_ERROR = 400
RESERVED = "/?&=%:@!$'()*+,;~#[]-._"
"""What a path and its query may hold as it is; anything else is percent-encoded."""


@command(app, "api", gateway=True)
def api(
    out: Out, method: Method, path: Path, *, data: Data = None, header: Header = None, include: Include = False
) -> None:
    """Call the gateway's HTTP API: ductile api GET /jobs?limit=5. The body of the answer is the data, errors too.

    Exits with 0 for a status below 400, 3 for 404, 4 for 401 and 403, 1 for any other error.
    """
    if not path.startswith("/"):
        raise UsageError(reason=f"PATH must begin with a slash, such as /jobs, not {path!r}")

    def chunk(text: str) -> None:
        out.text(text)
        sys.stdout.flush()

    body = None if data is None else read_bytes(data, "--data")
    headers = read_headers(header or ())
    encoded = quote(path, safe=RESERVED, errors="surrogateescape")
    answer = out.ask(
        lambda client: client.raw(method.upper(), encoded, body=body, headers=headers, each=chunk), loop=True
    )
    if answer.body != "" or include:
        show(out, answer, include=include)
    if answer.status >= FIRST_ERROR:
        raise typer.Exit(EXITS.get(answer.status, Exit.FAILED))


def read_headers(given: Sequence[str]) -> dict[str, str]:
    """`Name: value` pairs. Raises UsageError."""
    found = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise UsageError(reason=f"--header takes NAME: VALUE, not {one!r}")
        found[name.strip()] = value.strip()
    return found


def show(out: Out, answer: "Answer", *, include: bool) -> None:
    """The body; with `include` below the status and the headers."""
    shown: Any = answer.body
    if not include:
        out.text(shown) if isinstance(shown, str) else out.value(shown)
        return
    document = {"status": answer.status, "headers": answer.headers, "body": shown}
    if not out.for_people:
        out.value(document)
        return
    out.lines([f"HTTP {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.items()), ""])
    out.text(shown) if isinstance(shown, str) else out.value(shown)

"""`ductile api`: any call of the gateway, as it is."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import complete_api_paths, complete_methods
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.json_input import read_argument
from ductile.cli.core.output import Output

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Answer

app = new_group("Call the gateway's HTTP API as it is.")

Method = Annotated[str, typer.Argument(metavar="METHOD", autocompletion=complete_methods)]
Path = Annotated[str, typer.Argument(metavar="PATH", autocompletion=complete_api_paths)]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="JSON|@FILE|-", help="The body: as it is given, of @file, or - of stdin."),
]
Header = Annotated[list[str] | None, typer.Option("--header", metavar="NAME: VALUE", help="A header. May be repeated.")]
Include = Annotated[bool, typer.Option("--include", help="Print the status and the headers, too.")]

EXIT_CODE_OF_STATUS: Mapping[int, ExitCode] = {
    401: ExitCode.AUTH,
    403: ExitCode.AUTH,
    404: ExitCode.NOT_FOUND,
    422: ExitCode.CONFIGURATION,
}
FIRST_ERROR_STATUS = 400
UNENCODED_CHARACTERS = "/?&=%:@!$'()*+,;~#[]-._"
"""Characters of a path and its query that are not percent-encoded."""


@command(app, "api", gateway=True)
def api(
    out: Output, method: Method, path: Path, *, data: Data = None, header: Header = None, include: Include = False
) -> None:
    """Call the gateway's HTTP API: ductile api GET /jobs?limit=5. The body of the answer is the data, errors too.

    Exits with 0 for a status below 400, 3 for 404, 4 for 401 and 403, 1 for any other error.
    """
    if not path.startswith("/"):
        raise UsageError(reason=f"PATH must begin with a slash, such as /jobs, not {path!r}")

    def chunk(text: str) -> None:
        out.print_text(text)
        sys.stdout.flush()

    body = None if data is None else read_argument(data, "--data")
    headers = read_headers(header or ())
    encoded = quote(path, safe=UNENCODED_CHARACTERS, errors="surrogateescape")
    answer = out.call_gateway(
        lambda client: client.raw(method.upper(), encoded, body=body, headers=headers, each=chunk), loop=True
    )
    if answer.body != "" or include:
        print_answer(out, answer, include=include)
    if answer.status >= FIRST_ERROR_STATUS:
        raise typer.Exit(EXIT_CODE_OF_STATUS.get(answer.status, ExitCode.FAILED))


def read_headers(lines: Sequence[str]) -> dict[str, str]:
    """`Name: value` pairs. Raises UsageError."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise UsageError(reason=f"--header takes NAME: VALUE, not {line!r}")
        headers[name.strip()] = value.strip()
    return headers


def print_answer(out: Output, answer: "Answer", *, include: bool) -> None:
    """Print the body; with `include` below the status and the headers."""
    body_value: Any = answer.body
    if not include:
        out.print_text(body_value) if isinstance(body_value, str) else out.print_value(body_value)
        return
    document = {"status": answer.status, "headers": answer.headers, "body": body_value}
    if not out.for_people:
        out.print_value(document)
        return
    out.print_lines([f"HTTP {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.items()), ""])
    out.print_text(body_value) if isinstance(body_value, str) else out.print_value(body_value)

"""`ductile config set` and `unset`: change one setting in the file that sets it."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import complete_settings
from ductile.cli.core.errors import UsageError
from ductile.cli.core.output import Output

if TYPE_CHECKING:  # imports a YAML parser
    from ductile.document.yaml_write import NewValue

app = new_group("Change settings.")

Setting = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help='Such as service.log_level, routes[0].to, plugin_roots[+], plugins."a.b".',
        autocompletion=complete_settings,
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        "--file", metavar="FILE", help="The file to change; else the one that sets it. Indexes count its own entries."
    ),
]
Reload = Annotated[bool, typer.Option("--reload", help="Put the configuration into force at once.")]


@command(app, "set", gateway=True, changes=True)
def set_(
    out: Output,
    path: Setting,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="YAML: 5, true, text, [a, b]; - reads it from stdin.")],
    *,
    string: Annotated[bool, typer.Option("--string", help="The value is text, whatever it looks like.")] = False,
    file: File = None,
    reload: Reload = False,
) -> None:
    """Set a value in the file that sets it, or else in config.yaml. Comments and all other lines stay as they are.

    Nothing is written that a gateway would refuse. [+] appends to a list. A secret is best read from stdin.
    """
    from ductile.cli.core.apply_edit import apply_edit  # the whole compiler, which --help does not need
    from ductile.config.edit import plan_set

    text = sys.stdin.read().removesuffix("\n") if value == "-" else value
    new = parse_setting_value(text, string=string)
    apply_edit(out, partial(plan_set, setting=path, new=new, file=file), reload=reload)


@command(app, gateway=True, changes=True)
def unset(out: Output, path: Setting, *, file: File = None, reload: Reload = False) -> None:
    """Take a key or an entry of a list out of the file that sets it; its default is in force again."""
    from ductile.cli.core.apply_edit import apply_edit
    from ductile.config.edit import plan_unset

    apply_edit(out, partial(plan_unset, setting=path, file=file), reload=reload)


def parse_setting_value(text: str, *, string: bool) -> "NewValue":
    """The value that a text means, typed as YAML types it without quotes. Raises UsageError."""
    from ductile.document.read import read_text
    from ductile.document.yaml_scalar import has_surrogates, read_scalar
    from ductile.document.yaml_write import NewValue  # imports a YAML parser

    if has_surrogates(text):
        raise UsageError(reason="VALUE is not UTF-8")
    if string or not text:
        return NewValue(text, quoted=True)
    if text[0] not in "[{\"'":
        try:
            return NewValue(read_scalar(text), text)
        except ValueError as error:
            raise UsageError(reason=f"VALUE: {error}") from None
    document = read_text(f"value:\n  {text}", file="VALUE")
    if document.problems or "value" not in document.value:
        reason = document.problems[0].message if document.problems else "it is empty"
        raise UsageError(reason=f"VALUE is no YAML: {reason}. With --string it is taken as it is")
    return NewValue(document.value["value"], text)

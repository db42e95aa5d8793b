"""`ductile config doctor`: whether this machine is fit for a gateway of this configuration."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ductile.cli.codes import Exit
from ductile.cli.command import command, noun
from ductile.cli.output import Out

if TYPE_CHECKING:  # imports pydantic
    from ductile.config.schema.api import ApiSection

app = noun("Look at the machine.")


@command(app, config=True)
def doctor(out: Out) -> None:
    """Check configuration, plugins, secrets, state folder, address, open files and clock, and say what to do.

    Each check is ok, warn or fail. Exits with 1 if one fails.
    """
    from ductile import parts  # noqa: PLC0415 - as above
    from ductile.cli import checks  # noqa: PLC0415 - the whole gateway, which --help does not need
    from ductile.config.compile import compile_config  # noqa: PLC0415 - as above
    from ductile.config.load import load_layers  # noqa: PLC0415 - as above
    from ductile.config.location import DEFAULT_STATE, find_config  # noqa: PLC0415 - as above
    from ductile.config.validation import validate  # noqa: PLC0415 - as above

    location = find_config(out.config, os.environ)
    layers = load_layers(location, os.environ)
    settings, _ = validate(layers.value, layers.marks)
    compiled = compile_config(location, os.environ, generation=1, surfaces=parts.SURFACES)
    database = Path(settings.state.path or layers.root / DEFAULT_STATE)
    found = [
        *checks.configuration(compiled),
        *checks.plugins(compiled, settings.plugins),
        *checks.secrets(layers),
        *checks.state(database),
        *(asyncio.run(checks.listening(one, layers.root, database)) for one in addresses(settings.api)),
        checks.limits(settings.service.max_workers),
        checks.clock(layers, database),
    ]
    rows = [finding.public() for finding in found]
    failed = any(finding.status == checks.FAIL for finding in found)
    columns = {"CHECK": "check", "STATUS": "status", "FOUND": "message", "WHAT TO DO": "advice"}
    out.rows(columns, rows, document={"ok": not failed, "checks": rows})
    if failed:
        raise typer.Exit(Exit.FAILED)


def addresses(api: "ApiSection | None") -> tuple[str, ...]:
    """Where the gateway listens."""
    return api.listen if api and api.enabled else ()

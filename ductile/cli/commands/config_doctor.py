"""`ductile config doctor`: whether this machine is fit for a gateway of this configuration."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import Output

if TYPE_CHECKING:  # imports pydantic
    from ductile.config.schema.api import ApiSection

app = new_group("Look at the machine.")


@command(app, config=True)
def doctor(out: Output) -> None:
    """Check configuration, plugins, secrets, state folder, address, open files and clock, and say what to do.

    Each check is ok, warn or fail. Exits with 1 if one fails.
    """
    from ductile import parts
    from ductile.cli.core import doctor_checks  # the whole gateway, which --help does not need
    from ductile.cli.core.config_layers import read_layers
    from ductile.config.compile import compile_config
    from ductile.config.location import DEFAULT_STATE, find_config
    from ductile.config.validation import validate

    location = find_config(out.config, os.environ)
    layers = read_layers(location)
    settings, _ = validate(layers)
    compiled = compile_config(location, os.environ, generation=1, surfaces=parts.SURFACES, sections=parts.SECTIONS)
    database = Path(settings.state.path or layers.root / DEFAULT_STATE)
    found = [
        *doctor_checks.check_configuration(compiled),
        *doctor_checks.check_plugins(compiled, settings.plugins),
        *doctor_checks.check_secrets(layers),
        *doctor_checks.check_database(database),
        *(
            asyncio.run(doctor_checks.check_address(one, layers.root, database))
            for one in listen_addresses(settings.api)
        ),
        doctor_checks.check_open_files(settings.service.max_workers),
        doctor_checks.check_clock(layers, database),
    ]
    rows = [finding.public() for finding in found]
    failed = any(finding.status == doctor_checks.FAIL for finding in found)
    columns = {"CHECK": "check", "STATUS": "status", "FOUND": "message", "WHAT TO DO": "advice"}
    out.print_rows(columns, rows, document={"ok": not failed, "checks": rows})
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def listen_addresses(api: "ApiSection | None") -> tuple[str, ...]:
    """Where the gateway listens."""
    return api.listen if api and api.enabled else ()

"""The options that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")]
Config = Annotated[
    str | None,
    typer.Option(
        "--config-dir",
        "--config",
        metavar="PATH",
        help="The configuration folder or its config.yaml. Else $DUCTILE_CONFIG_DIR, ~/.config/ductile, /etc/ductile.",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The gateway: http://host:port or unix:/path. Else $DUCTILE_URL, else api.listen."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN", help="A bearer token. Else $DUCTILE_TOKEN, else the configuration's first `*` token."
    ),
]

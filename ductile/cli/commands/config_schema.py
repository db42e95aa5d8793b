"""`ductile config schema`: what an editor checks and completes with."""

from typing import Annotated

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.errors import UsageError
from ductile.cli.core.output import Output

app = new_group("Print JSON Schemas.")

KINDS = ("config", "pipelines", "manifest")


@command(app)
def schema(
    out: Output,
    kind: Annotated[str, typer.Argument(metavar="|".join(KINDS), help="Of which files.")] = "config",
) -> None:
    """Print the JSON Schema of configuration files, of files of pipelines, or of plugin manifests.

    Editors with a YAML language server use it after a first line such as
    `# yaml-language-server: $schema=config.schema.json`.
    """
    if kind not in KINDS:
        raise UsageError(reason=f"there are schemas of {', '.join(KINDS)}, not of {kind!r}")
    from ductile.config.json_schema import config_schema, pipelines_schema  # all models
    from ductile.plugin.manifest_schema import manifest_schema
    from ductile.sections import SECTIONS

    builders = {"config": lambda: config_schema(SECTIONS), "pipelines": pipelines_schema, "manifest": manifest_schema}
    out.print_document(builders[kind]())

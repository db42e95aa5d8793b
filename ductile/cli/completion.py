"""`ductile completion`: the script that makes a shell complete `ductile`."""

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not re-exported by name

from ductile.cli.codes import UsageError
from ductile.cli.command import command, noun
from ductile.cli.output import Out

app = noun("Print the script that makes a shell complete `ductile`.")

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DUCTILE_COMPLETE"
"""Set by the script when the shell asks for completions."""

Shell = Annotated[str, typer.Argument(metavar="bash|zsh|fish", autocompletion=lambda: list(SHELLS))]


@command(
    app,
    "completion",
    epilog='bash: add `eval "$(ductile completion bash --quiet)"` to ~/.bashrc. zsh: put it into a folder of $fpath as '
    "_ductile. fish: ductile completion fish > ~/.config/fish/completions/ductile.fish",
)
def completion(out: Out, shell: Shell) -> None:
    """Print the script that makes a shell complete nouns, options, and the names of plugins, pipelines and jobs."""
    if shell not in SHELLS:
        raise UsageError(reason=f"the shells are {', '.join(SHELLS)}, not {shell!r}")
    script: str = get_completion_script(prog_name="ductile", complete_var=VARIABLE, shell=shell)
    out.text(script)

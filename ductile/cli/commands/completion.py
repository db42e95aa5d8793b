"""`ductile completion`: the script that makes a shell complete `ductile`."""

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not re-exported

from ductile.cli.core.command import command, new_group
from ductile.cli.core.errors import UsageError
from ductile.cli.core.output import Output
from ductile.cli.core.shell_completion import COMPLETION_VARIABLE

app = new_group("Print the script that makes a shell complete `ductile`.")

SHELLS = ("bash", "zsh", "fish")


def complete_shells(incomplete: str) -> list[str]:
    """The shells there is a script for."""
    return [shell for shell in SHELLS if shell.startswith(incomplete)]


Shell = Annotated[str, typer.Argument(metavar="bash|zsh|fish", autocompletion=complete_shells)]


@command(
    app,
    "completion",
    epilog='bash: add `eval "$(ductile completion bash)"` to ~/.bashrc. zsh: the same in ~/.zshrc, below `compinit`. '
    "fish: ductile completion fish > ~/.config/fish/completions/ductile.fish",
)
def completion(out: Output, shell: Shell) -> None:
    """Print the script that makes a shell complete nouns, options, and the names of plugins, pipelines and jobs."""
    if shell not in SHELLS:
        raise UsageError(reason=f"the shells are {', '.join(SHELLS)}, not {shell!r}")
    script: str = get_completion_script(prog_name="ductile", complete_var=COMPLETION_VARIABLE, shell=shell)
    out.print_text(script)

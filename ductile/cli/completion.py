"""`ductile completion`: the script that makes a shell complete `ductile`, and the answers to what it asks."""

import os
from collections.abc import Callable, MutableMapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated

import typer
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]  # not re-exported

from ductile.cli.codes import Exit, UsageError
from ductile.cli.command import command, noun
from ductile.cli.output import Out

app = noun("Print the script that makes a shell complete `ductile`.")

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DUCTILE_COMPLETE"
"""Set by the script when the shell asks for completions."""


def shells(incomplete: str) -> list[str]:
    """The shells there is a script for."""
    return [shell for shell in SHELLS if shell.startswith(incomplete)]


Shell = Annotated[str, typer.Argument(metavar="bash|zsh|fish", autocompletion=shells)]


@command(
    app,
    "completion",
    epilog='bash: add `eval "$(ductile completion bash)"` to ~/.bashrc. zsh: the same in ~/.zshrc, below `compinit`. '
    "fish: ductile completion fish > ~/.config/fish/completions/ductile.fish",
)
def completion(out: Out, shell: Shell) -> None:
    """Print the script that makes a shell complete nouns, options, and the names of plugins, pipelines and jobs."""
    if shell not in SHELLS:
        raise UsageError(reason=f"the shells are {', '.join(SHELLS)}, not {shell!r}")
    script: str = get_completion_script(prog_name="ductile", complete_var=VARIABLE, shell=shell)
    out.text(script)


def answer(complete: Callable[[], int]) -> int:
    """Answer a shell that completes. Whatever happens, nothing but completions is printed."""
    completion_init()
    if "COMP_WORDS" in os.environ:
        rejoin(os.environ)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        try:
            return complete()
        except SystemExit as ended:
            return int(ended.code or 0)
        except Exception:  # noqa: BLE001 - an error at the prompt helps nobody
            return Exit.FAILED


def rejoin(environ: MutableMapping[str, str]) -> None:
    """Bash tells `--status=s` as three words; put it together again."""
    words, at = environ["COMP_WORDS"].split("\n"), int(environ.get("COMP_CWORD", "0"))
    whole: list[str] = []
    for index, word in enumerate(words):
        if index > 1 and (word == "=" or words[index - 1] == "=") and whole[-1].startswith("--"):
            whole[-1] += word
            at -= index <= int(environ.get("COMP_CWORD", "0"))
        else:
            whole.append(word)
    environ["COMP_WORDS"], environ["COMP_CWORD"] = "\n".join(whole), str(at)

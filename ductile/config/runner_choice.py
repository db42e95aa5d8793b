"""Which runner a plugin gets, and why."""

from pathlib import Path

from msgspec import Struct

from ductile.model.manifest import Manifest
from ductile.plugin.runner.errors import Unforkable
from ductile.plugin.runner.python_interpreter import interpreter_argv


class RunnerChoice(Struct, frozen=True, kw_only=True):
    """A runner by its name."""

    runner: str
    reason: str
    """Why, as a sentence without its end."""
    unmet: bool = False
    """The configuration asks for another one, which this plugin cannot have."""


def choose_runner(wanted: str, manifest: Manifest, executable: Path) -> RunnerChoice:
    """The runner for `plugins.<name>.runner`: `auto` does as the manifest says, forks what is Python, spawns the rest.

    What may be kept up may also be run once a job; the reverse needs the plugin's own word. A plain program is spawned.
    """
    lifecycle = manifest.lifecycle
    if wanted == "spawn":
        return RunnerChoice(runner="spawn", reason="`runner: spawn` asks for it")
    if manifest.has_programs:
        return RunnerChoice(runner="spawn", reason="its manifest says `output: text`", unmet=wanted != "auto")
    if lifecycle == "persistent" and wanted != "fork":
        return RunnerChoice(runner="persistent", reason="its manifest says `lifecycle: persistent`")
    if wanted == "persistent":
        choice = choose_runner("auto", manifest, executable)
        reason = f"its manifest does not say `lifecycle: persistent`, and {choice.reason}"
        return RunnerChoice(runner=choice.runner, reason=reason, unmet=True)
    try:
        interpreter = interpreter_argv(executable)
    except Unforkable as error:
        return RunnerChoice(runner="spawn", reason=f"it cannot be forked: {error.reason}", unmet=wanted == "fork")
    return RunnerChoice(runner="fork", reason=f"its shebang runs `{' '.join(interpreter)}`")

"""What `config check` finds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ductile import parts
from ductile.config.compile import compile_config
from ductile.model.route import Matcher


def report(location: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Compiles the configuration as a start and a reload do: `{ok, errors, warnings, problems, lines, …}`.

    `problems` are as HTTP shows them, `lines` the same as sentences; what is loaded is null where there are errors.
    """
    matcher = Matcher([row for surface in parts.SURFACES for row in surface])
    compiled = compile_config(location, environ, generation=1, matcher=matcher)
    snapshot = compiled.snapshot
    return {
        "ok": snapshot is not None,
        "errors": len(compiled.errors),
        "warnings": len(compiled.problems) - len(compiled.errors),
        "config_path": str(location),
        "config_hash": snapshot.config_hash if snapshot else None,
        "plugins": sorted(snapshot.plugins) if snapshot else None,
        "pipelines": sorted(snapshot.pipelines) if snapshot else None,
        "problems": [problem.public() for problem in compiled.problems],
        "lines": [str(problem) for problem in compiled.problems],
    }

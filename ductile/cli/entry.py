"""Where the `ductile` command begins: it ends quietly by Ctrl-C while the rest of it is imported, too."""

INTERRUPTED_EXIT_CODE = 130
"""The exit code; `ExitCode` has the same number, and takes longer to import."""


def main() -> int:
    """Run one command; returns the exit code."""
    try:
        from ductile.cli.main import main as run  # noqa: PLC0415 - what takes time is imported within the `try`

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE

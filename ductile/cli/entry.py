"""The entry point of `ductile`: Ctrl-C ends the command quietly also while its other modules are imported."""

INTERRUPTED_EXIT_CODE = 130
"""The exit code; `ExitCode` has the same number, and takes longer to import."""


def main() -> int:
    """Run one command; returns the exit code."""
    try:
        from ductile.cli.main import main as run  # what takes time is imported within the `try`

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE

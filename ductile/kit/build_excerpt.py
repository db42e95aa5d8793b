"""Cuts the output of a build to its first and last lines."""

MAX_LINES = 40


def cut_build_output(output: str) -> list[str]:
    """All lines of the output, or the first and the last with the number of lines cut between them."""
    lines = output.rstrip().splitlines()
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half:,} lines cut …", *lines[-half:]]

"""What is shown of a build's output."""

MAX_LINES = 40


def cut_build_output(output: str) -> list[str]:
    """The lines of the output, or the first and the last of them with how many stood between them."""
    lines = output.rstrip().splitlines()
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half:,} lines cut …", *lines[-half:]]

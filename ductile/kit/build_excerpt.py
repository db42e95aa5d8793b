"""What is shown of a build's output."""

SHOWN_LINES = 40


def build_excerpt(output: str) -> list[str]:
    """The lines of the output, or the first and the last of them with how many stood between them."""
    said = output.rstrip().splitlines()
    if len(said) <= SHOWN_LINES:
        return said
    half = SHOWN_LINES // 2
    return [*said[:half], f"… {len(said) - 2 * half:,} lines cut …", *said[-half:]]

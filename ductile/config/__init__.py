"""From YAML files to a snapshot, and the reload that swaps it."""

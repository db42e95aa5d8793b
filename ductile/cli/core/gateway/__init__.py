"""Which gateway a command calls, and how."""

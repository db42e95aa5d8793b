"""Ways to run one call of a plugin."""

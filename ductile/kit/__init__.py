"""The plugin author's kit: make, run, test and watch a plugin without a gateway."""

"""The commands of the command line: one module for each noun, or for a share of its commands."""

"""Pipelines: how they are written, compiled, and followed by events. Pure functions: no clock, no I/O."""

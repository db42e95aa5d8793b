"""Ductile: a gateway that turns any executable into a dependable service."""

__version__ = "0.1.0"

"""Waiting for jobs, following them, and showing what they print."""

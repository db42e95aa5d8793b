"""The HTTP face: one route table, one handler."""

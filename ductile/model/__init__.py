"""Values only: frozen, keyword-only dataclasses that every package shares."""

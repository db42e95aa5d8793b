"""Values only: frozen, keyword-only structs that every package shares."""

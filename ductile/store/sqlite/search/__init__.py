"""Full-text search of ended attempts, in FTS5 tables."""

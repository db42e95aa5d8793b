"""The durable queue: SQLite behind one writing thread."""

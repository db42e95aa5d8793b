"""The store in one SQLite file: connections, threads, SQL, migrations, the lock, disk space and full-text search."""

"""Background services that maintain the gateway: retention, search index, disk and file guards, journal, metrics."""

"""The libraries that plugin authors copy beside their entrypoints."""

"""Groups of routes, each a list of rows."""

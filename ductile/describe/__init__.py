"""Documents derived from a snapshot: OpenAPI, skills."""

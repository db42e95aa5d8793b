"""The packages of Ductile by rank: a module imports only from lower ranks."""

RANKS = [
    {"errors", "model", "document"},
    {"background_service", "plugin", "author", "flow", "store", "describe", "observe", "client"},
    {"config", "submit", "dry_run", "dispatch"},
    {"ingress", "maintenance", "http", "kit"},
    {"sections"},
    {"parts"},
    {"app"},
    {"cli"},
    {"__main__"},
]

"""Request builders, one module per area of the API; each returns a ``Call``."""

"""specc: a declarative compiler for PostgreSQL workflow backends."""

__version__ = "0.1.0"

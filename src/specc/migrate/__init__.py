"""Runs migrations on a database: what is applied is known by a ledger in it, each file is done wholly or not at all.

A connection string and a folder come in, events come out as they happen. Nothing here prints, and nothing but the
database is written. The ledger is the history of Supabase's command line, so both agree on what is applied.
"""

from specc.migrate.compare import Entry, Standing
from specc.migrate.files import Migration, read_folder
from specc.migrate.model import Database, Event, Lossy, MigrateError, Options, Patience, SetupError
from specc.migrate.run import down, status, up
from specc.migrate.steps import Step

__all__ = [
    "Database",
    "Entry",
    "Event",
    "Lossy",
    "MigrateError",
    "Migration",
    "Options",
    "Patience",
    "SetupError",
    "Standing",
    "Step",
    "down",
    "read_folder",
    "status",
    "up",
]

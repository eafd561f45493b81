"""What a running database says of itself, for `specc status` and `specc dashboard` alike.

Connection strings and what a lock knows come in, records come out; nothing here prints, and nothing writes.
"""

from specc.status.connection import Record, StatusError
from specc.status.costs import Costs, read_costs
from specc.status.machines import MachineStatus, NoRowError, Status, as_data, read_status, read_story
from specc.status.watched import Watched, watched

__all__ = [
    "Costs",
    "MachineStatus",
    "NoRowError",
    "Record",
    "Status",
    "StatusError",
    "Watched",
    "as_data",
    "read_costs",
    "read_status",
    "read_story",
    "watched",
]

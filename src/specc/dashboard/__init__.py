"""A small web page about a running database, for operators: states, stuck rows, stories, alerts and costs.

A connection string and what a lock knows come in; out comes a server that answers GET and nothing else.
"""

from specc.dashboard.server import Dashboard, is_loopback

__all__ = ["Dashboard", "is_loopback"]

"""Outputs: each module turns facts, pages or kinds into files; none of them writes, but `write`."""

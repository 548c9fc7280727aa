"""Runs the projections of a process: reads, shares, commits, watches, and says how they are."""

"""Benchmarks of the running product: each starts servers and processes of its own and writes what it measured."""

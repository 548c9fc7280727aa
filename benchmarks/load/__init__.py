"""A load generator for HTTP: a process of its own, cheap enough to run beside what it measures."""

"""Which instance should hold which partitions, and how a command gets there."""

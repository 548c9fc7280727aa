"""What a partition's writer keeps outside its memory, so that a take-over does not read the whole log."""

"""The writers of partitions: what they remember, how they decide and commit, and what they keep for a take-over."""

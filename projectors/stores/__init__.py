"""Where generations of projections lie: in PostgreSQL and in Redis, by the same rules."""

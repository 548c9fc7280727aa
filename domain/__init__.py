"""Pure rules: decide and evolve per aggregate. No I/O, no clock, no randomness, no framework."""

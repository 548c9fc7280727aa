"""Stream processors: one file per read model, and the engine that runs them."""

"""Stream processors: read models, the stores they lie in, the engine that fills them, what operators do with them."""

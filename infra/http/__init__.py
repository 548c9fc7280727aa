"""What every process that speaks HTTP shares: problems, principals, limits, strict parameters, tokens, the server."""

"""What sells now and what is bought together: a Faust process of its own, beside the engine of the read models."""

"""Every read model, a stem each: its tables, and what events come to in them."""

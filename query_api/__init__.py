"""Answers questions from the read models: one file per read model, under the stem of the projection that fills it."""

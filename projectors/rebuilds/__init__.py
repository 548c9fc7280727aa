"""Fills a new generation beside the one that serves, compares, switches, and goes back."""

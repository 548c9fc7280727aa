"""Brings files of other systems in, through commands only: parsing is pure and apart from sending."""

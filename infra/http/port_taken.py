"""That a process cannot listen: apart from the server, which a process without HTTP need not load."""


class PortTaken(Exception):
    """Somebody else listens on the address; the message names it."""

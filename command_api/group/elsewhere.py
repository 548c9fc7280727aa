"""The sign that a command belongs to another instance."""


class HeldElsewhere(Exception):
    """Another instance should hold the shard: the command has not happened, and may be sent there."""

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} is another instance's")
        self.shard = shard

"""What of a partition has changed since it was last published."""


class Changes:
    """Products whose sums, and products whose partners have changed."""

    def __init__(self) -> None:
        self.sold: set[str] = set()
        self.partners: set[str] = set()

    def add(self, sold: set[str], partners: set[str]) -> None:
        """These too."""
        self.sold |= sold
        self.partners |= partners

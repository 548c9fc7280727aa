"""Under which lease of the group a partition was claimed."""

from collections.abc import Callable


class ClaimTerm:
    """``lease`` gives the number of the group's assignment as long as nobody else can have been told to claim the
    partition meanwhile, 0 otherwise; it is None where there is no group."""

    def __init__(self, lease: Callable[[], int] | None) -> None:
        self._lease = lease
        self._claimed_in = 0

    def may_claim(self) -> bool:
        """Whether a claim may be made now; if so, what is claimed is claimed in this term."""
        if self._lease is None:
            return True
        self._claimed_in = self._lease()
        return self._claimed_in > 0

    def lasts(self) -> bool:
        """Whether it is certain that nobody else has claimed the partition since; never where there is no group."""
        return self._lease is not None and self._lease() == self._claimed_in

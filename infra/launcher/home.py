"""Where everything of one copy lives: the folders under `STOCKROOM_HOME`."""

from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings


@dataclass(frozen=True)
class Home:
    """The folders of one copy; none is made by asking for its path."""

    root: Path
    cache: Path

    @classmethod
    def of(cls, settings: Settings) -> "Home":
        """The home that the settings name, as absolute paths."""
        root = settings.home.expanduser().absolute()
        return cls(root, (settings.cache or root / "cache").expanduser().absolute())

    @property
    def run(self) -> Path:
        """Records of what runs: one JSON file per process, the supervisor's lock and state."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    def data(self, server: str) -> Path:
        """The data folder of one embedded server."""
        return self.root / "data" / server

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{name}.log"

"""The download of the broker's jars. Needs no network when all are there.

A jar counts only under its final name, which it gets after its SHA-256 was checked; so after a broken download only
what is missing is fetched. A lock on the cache makes a second start wait for the first.
"""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from infra.launcher.home import Home
from infra.servers.jars import Jar, missing
from infra.servers.java import jar_folder

PARALLEL_DOWNLOADS = 8


class JarsUnavailable(Exception):
    """A jar could not be had, or was not the one in the lock; the message says which and what to do."""


def fetch(home: Home, repository: str | None, progress: Callable[[int, int], None]) -> None:
    """Downloads the missing jars into the cache; `progress(done, total)` hears bytes. `repository` is a mirror's URL.

    Raises `JarsUnavailable` when one cannot be had; what came before it stays, so the next call goes on from there.
    """
    folder = jar_folder(home)
    if not missing(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (home.cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in folder.glob(".part-*"):
            shutil.rmtree(left_over)
        _download_all(missing(folder), folder, repository, progress)


def _download_all(jars: list[Jar], folder: Path, repository: str | None, progress: Callable[[int, int], None]) -> None:
    done, total = 0, sum(jar.size for jar in jars)
    progress(0, total)
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        futures = {pool.submit(_download, jar, folder, repository): jar for jar in jars}
        try:
            for future in as_completed(futures):
                future.result()
                done += futures[future].size
                progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _download(jar: Jar, folder: Path, repository: str | None) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 (0.3 s, and only a first start needs it)

    with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part:
        context = MavenContext(
            repo_cache=Path(part), remote_repos={"mirror": repository.rstrip("/")} if repository else None, timeout=60
        )
        group, artifact, version = jar.coordinate.split(":")
        try:
            path = Path(context.project(group, artifact).at_version(version).artifact().resolve())
        except (OSError, RuntimeError) as error:
            raise JarsUnavailable(
                f"{jar.coordinate} could not be downloaded: {error}. Check the network and the proxy variables "
                "(HTTPS_PROXY), then run the same command again: it goes on where it stopped."
            ) from error
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != jar.sha256:
            raise JarsUnavailable(f"{jar.coordinate} arrived with SHA-256 {digest}; the lock has {jar.sha256}.")
        path.replace(folder / jar.filename)

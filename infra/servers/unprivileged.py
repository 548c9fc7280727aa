"""Running a program as an unprivileged user when the launcher itself is root: PostgreSQL refuses to be root.

As a script, `unprivileged.py UID GID KEEP PROGRAM ARGUMENT...` becomes that user and then the program, under the same
pid. With KEEP=1 it keeps one capability, to pass folders that only root may enter, such as root's own home.
"""

import ctypes
import os
import pwd
import stat
import sys
from pathlib import Path

USERS = ("postgres", "nobody", "daemon")
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def command(arguments: list[str], folder: Path) -> list[str]:
    """The command line that runs `arguments` unprivileged; unchanged when the caller is no root."""
    if os.geteuid() != 0:
        return arguments
    user = _user()
    is_closed = any(not _may_enter(each) for start in (folder, Path(arguments[0])) for each in start.absolute().parents)
    keep = "1" if is_closed and sys.platform == "linux" else "0"
    return [sys.executable, "-I", "-S", __file__, str(user.pw_uid), str(user.pw_gid), keep, *arguments]


def give(folder: Path) -> None:
    """Makes the unprivileged user the owner of a folder, when the caller is root."""
    if os.geteuid() == 0:
        os.chown(folder, _user().pw_uid, _user().pw_gid)


def _user() -> pwd.struct_passwd:
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise OSError(f"PostgreSQL refuses to run as root, and none of the users {', '.join(USERS)} exists on this system.")


def _may_enter(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & stat.S_IXOTH)


def _keep_entering(uid: int, gid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # Without this bit access(2), by which initdb looks for its binaries, would not count the capability.
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    mask = 1 << CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, sets) != 0 or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0) != 0:
        raise OSError(
            ctypes.get_errno(),
            "the system does not let PostgreSQL's user enter this folder; "
            "put the repository and STOCKROOM_HOME where other users may enter, or do not run as root",
        )


if __name__ == "__main__":
    uid, gid, keep = (int(number) for number in sys.argv[1:4])
    if keep:
        _keep_entering(uid, gid)
    else:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.execv(sys.argv[4], sys.argv[4:])

"""Takes on another account, arranges to end with its parent, and becomes the given command.

Run as a program (`python -I -S launch.py OPTIONS COMMAND ...`) rather than in a `preexec_fn`: that runs
between fork and exec of a process that may have threads, which Python 3.12 and later warns about.
"""

import ctypes
import json
import os
import sys

# <linux/prctl.h>, <linux/securebits.h>, <linux/capability.h>
_SET_DEATH_SIGNAL = 1
_SET_SECUREBITS = 28
_AMBIENT = 47
_AMBIENT_RAISE = 2
_NO_SETUID_FIXUP = 1 << 2
_DAC_OVERRIDE = 1
_CAPABILITY_VERSION = 0x20080522


def main(options: str, *command: str) -> None:
    """`options` is JSON: uid, gid, reach (all or none), death_signal, parent (both or none)."""
    asked = json.loads(options)
    if "uid" in asked:
        become(asked["uid"], asked["gid"], reach=asked["reach"])
    if "parent" in asked:
        end_with(asked["parent"], asked["death_signal"])
    os.execv(command[0], command)  # noqa: S606 # nosec B606 # the stack's own commands, and no shell


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Gives root away. With `reach`, keeps one capability: to pass directories that only root may enter.

    PostgreSQL refuses to run as root, yet a checkout below root's home can be entered by nobody else.
    Opening those directories to everyone would be worse, so the server keeps CAP_DAC_OVERRIDE. Without
    NO_SETUID_FIXUP the kernel would answer access(2), which PostgreSQL asks about its own program files,
    as if the capability were not there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if reach:
        _must(libc.prctl(_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reach:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        only = 1 << _DAC_OVERRIDE
        # Effective, permitted, inheritable; then the same three for capabilities above 31.
        _must(libc.capset(header, (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)))
        _must(libc.prctl(_AMBIENT, _AMBIENT_RAISE, _DAC_OVERRIDE, 0, 0))


def end_with(parent: int, death_signal: int) -> None:
    """Linux sends the signal when the parent dies, however hard. After `become`, which would clear it."""
    if not sys.platform.startswith("linux"):
        return
    _must(ctypes.CDLL(None, use_errno=True).prctl(_SET_DEATH_SIGNAL, death_signal, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


def _must(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One process at a time: a lock file that says who holds it, and that no killed process leaves locked.

The lock is the operating system's, on the open file, and ends with the process that holds it, whatever ends that:
``flock`` on Unix, a locked byte on Windows. Where a file system knows no locks (some network and cloud drives),
everything goes on without.
"""

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from agegender_lib.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

#: Seconds in which a notebook's kernel notices that who started it was killed, and ends as well.
ORPHANED = 5.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_PAUSE = 0.2
_ATTEMPTS = 100
# Windows lets nobody read a locked byte, and everybody is to read who holds the lock.
_FAR = 1 << 30


class Busy(InputError):
    """Another process is at work on the same thing."""


@contextmanager
def alone(path: str | Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a lock in the block; the lock file is gone afterwards.

    Parameters
    ----------
    path : str or Path
        The lock file; missing folders are made.
    what : str
        What it stands for, as messages name it: "the training runs/x".
    wait : float
        Seconds to wait for another holder to let go; ``math.inf`` waits for ever. Who waits long is told why.

    Raises
    ------
    Busy
        If another process, or another thread of this one, still holds it then. The message names process, machine
        and time.
    InputError
        If the lock file cannot be written.
    """
    path = Path(path)
    begun, told = time.monotonic(), False
    while (handle := _taken(path)) is None:
        waited = time.monotonic() - begun
        if waited >= wait:
            raise Busy(
                f"{what} is being worked on by {_holder(path)}: wait until it has finished, or stop it"
            )
        if waited > ORPHANED and not told:
            print(f"{what} is being worked on by {_holder(path)}: waiting for it", flush=True)
            told = True
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        if fcntl:
            # as long as it is locked: a file that somebody else holds already must not be removed
            with suppress(OSError):
                path.unlink()
            os.close(handle)
        else:
            os.close(handle)
            # Windows itself keeps a file that somebody else has opened
            with suppress(OSError):
                path.unlink()


def _taken(path: Path) -> int | None:
    """Lock the file; its handle, or None where another has it."""
    for attempt in range(_ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(
                f"{path.parent} cannot be written ({error.strerror}): allow writing there, or give another folder"
            ) from None
        try:
            if not _locked(handle):
                os.close(handle)
                return None
            # the holder before may have removed the file after it was opened here: then it is nobody's lock any more
            # (some network drives give a file another number at every look)
            if os.path.samestat(os.fstat(handle), path.stat()) or attempt == _ATTEMPTS - 1:
                os.ftruncate(handle, 0)
                since = datetime.now().isoformat(" ", "seconds")
                os.write(
                    handle,
                    json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode(),
                )
                return handle
        except FileNotFoundError:
            pass  # removed between two looks
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return handle  # locked all the same, but nameless
            os.close(handle)
            raise
        os.close(handle)
    return None


def _locked(handle: int) -> bool:
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"process {held['pid']} on {held['host']} since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

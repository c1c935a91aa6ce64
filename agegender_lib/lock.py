"""One process at a time: a lock file that says who holds it, and that no killed process leaves locked."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from agegender_lib.errors import InputError

#: Seconds in which a notebook's kernel notices that who started it was killed, and ends as well.
ORPHANED = 5.0
# Some network and cloud drives: there, everything goes on without.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class Busy(InputError):
    """Another process is at work on the same thing."""


@contextmanager
def alone(path: str | Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a lock file in the block; it is gone afterwards.

    ``what`` it stands for is said in messages: "the training runs/x". Another holder is waited for so many seconds
    (``math.inf``: for ever), and who waits long is told why. Busy if another process, or another thread of this one,
    still holds it then.
    """
    path = Path(path)
    lock = FileLock(path, on_acquired=_sign)
    try:
        _acquire(lock, what, wait)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise InputError(
                f"{path.parent} cannot be written ({error.strerror}): allow writing there, or give another folder"
            ) from None
    try:
        yield
    finally:
        # as long as it is locked: a file that somebody else holds already must not be removed
        if lock.is_locked:
            with suppress(OSError):
                path.unlink()
        lock.release()


def _acquire(lock: FileLock, what: str, wait: float) -> None:
    waits = [min(wait, ORPHANED), wait - ORPHANED] if wait > ORPHANED else [wait]
    while waits:
        try:
            lock.acquire(waits.pop(0))
            return
        except Timeout:
            busy = f"{what} is being worked on by {_holder(Path(lock.lock_file))}"
            if not waits:
                raise Busy(f"{busy}: wait until it has finished, or stop it") from None
            print(f"{busy}: waiting for it", flush=True)


def _sign(handle: int) -> None:
    """Write who holds it into the lock file, after its first byte: on Windows nobody else can read that one."""
    held = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
    with suppress(OSError):  # a full disk: locked all the same, but nameless
        os.ftruncate(handle, 0)
        os.write(handle, b" " + json.dumps(held).encode())


def _holder(path: Path) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(1)
            held = json.loads(file.read())
        return f"process {held['pid']} on {held['host']} since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

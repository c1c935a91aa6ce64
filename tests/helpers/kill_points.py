"""Every moment at which a kill could leave another state on disk, without killing anything.

A process that is killed leaves what its system calls did so far. So it is enough to look at the disk before each of
them: Python reports those that open, rename or remove a file to an audit hook, and the copy of the folder that is
made there is what a kill at that moment would have left. Calls of C libraries (HDF5, Typst) are not reported, which
loses nothing as long as those write into files with temporary names only; :func:`kill_points` tells every file
that Python opens for writing, so that a test can demand that.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_hooks: list[Callable] = []


def _audit(event, arguments):
    if _hooks and event in _EVENTS:
        _hooks[-1](event, arguments)


def kill_points(folder: Path, copies: Path, action: Callable[[], object]) -> tuple[list[Path], list[str]]:
    """Run ``action`` and keep what a kill would have left of ``folder``, where it writes.

    Returns copies of ``folder``, no two in a row alike, in the order of time and the last of the end; and the paths in
    ``folder`` of the files that were opened for writing.
    """
    if _audit not in _installed:
        sys.addaudithook(_audit)  # for good: Python removes no hook, but without an action it does nothing
        _installed.append(_audit)
    states: list[Path] = []
    seen: list[dict] = [{}]
    written: list[str] = []
    inside = str(folder.resolve()) + os.sep

    def keep():
        now = {
            str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino)
            for path in sorted(folder.rglob("*"))
        }
        if now != seen[-1]:
            seen.append(now)
            target = copies / f"{len(states):03}"
            shutil.copytree(folder, target, symlinks=True)
            states.append(target)

    def hook(event, arguments):
        paths = [os.path.abspath(path) for path in arguments[:2] if isinstance(path, str | os.PathLike)]
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = any(sign in (mode or "") for sign in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            if not writes or not paths:
                return
            paths = paths[:1]
        if not any(path.startswith(inside) for path in paths):
            return
        if event == "open":
            written.append(os.path.relpath(paths[0], folder))
        _hooks.append(lambda *_: None)  # what is done here is no event
        try:
            keep()
        finally:
            _hooks.pop()

    folder.mkdir(parents=True, exist_ok=True)
    _hooks.append(hook)
    try:
        action()
    finally:
        _hooks.pop()
    keep()
    return states, written


_installed: list[Callable] = []

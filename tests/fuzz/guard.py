"""Watches one case: how long, how much memory, what it touched, what it ran."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Of these the library has no use while it reads a file that somebody gave it.
FORBIDDEN = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "pty.spawn",
    "ctypes.dlopen",
    "pickle.find_class",
    "webbrowser.open",
    "urllib.Request",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "ftplib.connect",
    "http.client.connect",
    "smtplib.connect",
}
CHANGING = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.utime",
    "shutil.rmtree",
    "shutil.move",
    "shutil.copyfile",
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SECRET = "secret.txt"
PLANTED = "planted_by_fuzz"
EXECUTED = "executed"


class Hang(BaseException):
    """A case took too long; no ``except Exception`` stops this."""


@dataclass
class Watch:
    """What was seen of one case; seconds are the processor's, so that a busy machine does not matter."""

    seconds: float = 0.0
    megabytes: float = 0.0
    faults: list[str] = field(default_factory=list)


class Sandbox:
    """A folder for cases, with others beside it that nobody may touch.

    ``root/case`` is where a case's files lie and where it may write, ``root/tmp`` what tempfile gives; ``root/outside``
    holds a secret, a module that must not be imported, and the working folder.
    """

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        self.case = self.root / "case"
        self.temporary = self.root / "tmp"
        self.outside = self.root / "outside"
        for folder in (self.case, self.temporary, self.outside / "here"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.outside / SECRET).write_text("nobody reads this")
        (self.outside / f"{PLANTED}.py").write_text(
            f"open({str(self.executed)!r}, 'w').close()\nEvil = exec\n"
        )

    @property
    def executed(self) -> Path:
        """The file that comes to be when code of a case was run."""
        return self.outside / EXECUTED

    def emptied(self) -> Path:
        """The case's folder, empty."""
        for folder in (self.case, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
        return self.case

    def allows(self, path) -> bool:
        """Whether a case may change this path."""
        if isinstance(path, int) or path is None:
            return True
        place = os.path.realpath(os.fsdecode(path))
        inside = (str(self.case), str(self.temporary), "/dev/", "/proc/self/")
        return place.startswith(inside)

    def listing(self) -> list[tuple]:
        """Everything that nobody may touch."""
        found = []
        for here, folders, files in os.walk(self.outside):
            for name in folders + files:
                status = os.lstat(os.path.join(here, name))
                found.append((os.path.join(here, name), status.st_mode, status.st_size, status.st_mtime_ns))
        return sorted(found + [(name,) for name in os.listdir(self.root)])

    @contextmanager
    def watching(self, seconds: float, megabytes: float) -> Iterator[Watch]:
        """Run the block under all the rules; its faults are in the Watch afterwards, never raised.

        Exceptions of the block pass through, but for the alarm.
        """
        global _watched
        _install()
        watch = Watch()
        before, folder, module_path = self.listing(), os.getcwd(), list(sys.path)
        temporary, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        os.chdir(self.outside / "here")
        sys.path.append(str(self.outside))
        resident = _reset_peak()
        alarm = signal.signal(signal.SIGPROF, _ring)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        start = time.process_time()
        _watched = (self, watch)
        try:
            yield watch
        except Hang:
            watch.faults.append(f"not done after {seconds} s")
        finally:
            _watched = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, alarm)
            watch.seconds = time.process_time() - start
            watch.megabytes = max(0.0, _peak() - resident)
            os.chdir(folder)
            sys.path[:] = module_path
            tempfile.tempdir = temporary
            if watch.seconds > seconds:
                watch.faults.append(f"took {watch.seconds:.1f} s")
            if watch.megabytes > megabytes:
                watch.faults.append(f"took {watch.megabytes:.0f} MB")
            if self.executed.exists():
                watch.faults.append("code of the file was run")
                self.executed.unlink()
            elif self.listing() != before:
                changed = set(self.listing()) ^ set(before)
                watch.faults.append(f"changed outside its folder: {sorted(changed)[:3]}")


# Hooks of the interpreter cannot be removed: one is installed, and looks at nothing while no case runs.
_watched: tuple[Sandbox, Watch] | None = None
_installed = False


def _install() -> None:
    global _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True


def _hook(event: str, arguments: tuple) -> None:
    global _watched
    if _watched is None:
        return
    (sandbox, watch), _watched = _watched, None  # what the hook itself does is not looked at
    try:
        fault = _fault(sandbox, event, arguments)
        if fault:
            watch.faults.append(fault)
            raise PermissionError(f"fuzzing forbids it: {fault}")
    finally:
        _watched = (sandbox, watch)


def _fault(sandbox: Sandbox, event: str, arguments: tuple) -> str:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return ""
        if os.path.basename(os.fsdecode(path)) == SECRET:
            return "read a file that the case only names"
        if flags & WRITES and not sandbox.allows(path):
            return f"opened {path} for writing"
    elif event in CHANGING:
        paths = [one for one in arguments[:2] if isinstance(one, (str, bytes, os.PathLike))]
        outside = [path for path in paths if os.path.isabs(os.fsdecode(path)) and not sandbox.allows(path)]
        if outside:
            return f"{event} of {outside[0]}"
    elif event in FORBIDDEN:
        return f"{event} {str(arguments)[:200]}"
    elif event == "import" and arguments[0].partition(".")[0] == PLANTED:
        return "imported a module that the case names"
    elif event == "marshal.loads":
        # importing does it as well, for compiled modules
        caller = sys._getframe(2).f_code.co_filename
        if "importlib" not in caller:
            return f"unmarshalled code in {caller}"
    return ""


def _ring(*_) -> None:
    raise Hang


def _reset_peak() -> float:
    """Begin a new peak of memory; returns what is in use now, MB (0 where the system cannot say)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("inf")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(key: str) -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0

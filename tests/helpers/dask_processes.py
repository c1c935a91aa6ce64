"""A real Dask scheduler and workers, each a process of its own that a test may kill."""

import json
import subprocess
import sys
import time
from pathlib import Path

import distributed


class DaskProcesses:
    """One scheduler and its workers, which write to ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-show", "--scheduler-file", str(self.file))
        self.workers: list[subprocess.Popen] = []
        while not self.file.exists() or not self.file.read_text():
            assert self.scheduler.poll() is None, self.log()
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self, cwd: Path | None = None) -> subprocess.Popen:
        """One more worker, whose Python finds the library in ``cwd`` first."""
        given = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(self.folder))
        self.workers.append(self._start("worker", self.address, *given, cwd=cwd))
        return self.workers[-1]

    def fill_up(self, count: int = 2) -> None:
        """So many workers that are at hand, whatever was killed before."""
        for _ in range(count - sum(worker.poll() is None for worker in self.workers)):
            self.add_worker()
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count)

    def _start(self, kind, *options, cwd=None):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1", "--no-dashboard"]
        with open(self.folder / "log.txt", "a") as log:
            return subprocess.Popen([*command, *options], stdout=log, stderr=log, cwd=cwd)

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

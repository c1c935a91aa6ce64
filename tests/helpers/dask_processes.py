"""A real Dask scheduler and workers, each a process of its own that a test may kill."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


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

    def add_worker(self, *options: str, **variables: str) -> subprocess.Popen:
        given = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(self.folder))
        self.workers.append(self._start("worker", self.address, *given, *options, **variables))
        return self.workers[-1]

    def _start(self, kind, *options, **variables):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1", "--no-dashboard"]
        with open(self.folder / "log.txt", "a") as log:
            return subprocess.Popen([*command, *options], stdout=log, stderr=log, env={**os.environ, **variables})

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

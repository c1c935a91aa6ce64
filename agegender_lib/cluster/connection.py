"""Connecting to a Dask cluster: of this machine, or of whoever gives its scheduler's address.

Dask is imported only where a cluster is asked for: it is an extra, ``pip install "agegender[cluster]"``.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agegender_lib import folders
from agegender_lib.errors import InputError

if TYPE_CHECKING:
    from distributed import Client
else:
    Client = Any  # imported only where a cluster is asked for

#: Seconds in which a scheduler has to answer, also one that was started again.
PATIENCE = 10.0
#: A hidden file by which a worker tells the client's folder from one of the same path on a disk of its own.
_MARK = ".folder-mark"


@contextmanager
def connected(scheduler: str | Path = "", workers: int = 0) -> Iterator[Client | None]:
    """A client of a Dask cluster in the block; None where neither is given.

    Parameters
    ----------
    scheduler : str or Path
        Address of a running scheduler, such as "tcp://10.0.0.5:8786", or the file that it wrote with
        ``--scheduler-file``.
    workers : int
        How many worker processes of one thread each to start on this machine instead; they end with the block.

    Raises
    ------
    InputError
        If Dask is not installed, nobody answers at the address, or a worker is not as this process is.
    """
    if workers < 0 or (scheduler and workers):
        raise InputError(f"--scheduler is {str(scheduler)!r} and --workers {workers}: give the one or the other")
    if not scheduler and not workers:
        yield None
        return
    try:
        import distributed
    except ImportError:
        raise InputError('a cluster needs Dask: pip install "agegender[cluster]"') from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it means to the user is said here
    with ExitStack() as stack:
        client = stack.enter_context(_local(distributed, workers) if workers else _at(distributed, scheduler))
        if importlib.util.find_spec("bokeh"):
            print(f"Dask's dashboard: {client.dashboard_link}", file=sys.stderr)
        if not client.scheduler_info(n_workers=-1)["workers"]:
            print(f"the scheduler at {scheduler} has no workers yet: waiting for the first", file=sys.stderr)
            client.wait_for_workers(1)
        everywhere(client, check_like, about())
        yield client


@contextmanager
def _local(distributed, workers):
    with _deaf():
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # faces that are mapped into memory would count, and stop the worker
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


@contextmanager
def _deaf():
    """Processes that are started in the block do not hear Ctrl+C, which ends this one, and then them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _at(distributed, scheduler):
    try:
        if Path(scheduler).is_file():
            scheduler = json.loads(Path(scheduler).read_text())["address"]
        address = str(scheduler) if "://" in str(scheduler) else f"tcp://{scheduler}"
        parts = urlsplit(address)
        # Dask tries an address that refuses for as long as it is patient, and waits for ever for who says nothing
        with socket.create_connection((parts.hostname, parts.port), PATIENCE) as probe:
            if parts.scheme == "tcp" and not probe.recv(1):
                raise OSError("something else listens there")
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({first_line(error)}): start one with `dask scheduler`, and "
            "give the address that it prints"
        ) from None
    with client:
        yield client


def everywhere(client: Client, function: Callable, *args: Any) -> list[Any]:
    """What a function returns on each worker that there is now, even on one that is at work."""
    answers = client.run(function, *args, on_error="return")
    for worker, answer in answers.items():
        if isinstance(answer, Exception):
            raise answer if isinstance(answer, InputError) else InputError(f"the worker {worker} {trouble(answer)}")
    return list(answers.values())


@cache
def about() -> dict[str, str]:
    """What has to be the same here and there for the same results."""
    code = hashlib.sha256()
    for path in sorted((folders.ROOT / "agegender_lib").rglob("*.py")):
        code.update(path.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("agegender", "keras", "numpy")}
    versions["agegender"] += f" ({code.hexdigest()[:8]})"
    return versions | {"KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow")}


def check_like(client: dict[str, str]) -> None:
    """On a worker: an InputError where it is not as the client is."""
    for name, there in client.items():
        if (here := about().get(name)) != there:
            raise InputError(
                f"a worker on {socket.gethostname()} has {name} {here}, and you have {there}: make them the same"
            )


def trouble(error: Exception) -> str:
    """What is wrong with a worker, to be said after its name."""
    if isinstance(error, (ImportError, AttributeError)):
        return f"has not this version of agegender ({first_line(error)}): install the same on all machines"
    return f"cannot be used: {first_line(error)}"


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def marked(folder: Path) -> str:
    """What a hidden file in the folder says, so that another machine can tell whether it sees the same folder."""
    file = Path(folder) / _MARK
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(file, "x") as new:
            new.write(secrets.token_hex(16))
        return file.read_text()
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): allow writing there, or give another folder"
        ) from None


def is_marked(folder: Path, mark: str) -> bool:
    """Whether the folder of this path is the one that was :func:`marked`, and not another machine's."""
    try:
        return (Path(folder) / _MARK).read_text() == mark
    except OSError:
        return False

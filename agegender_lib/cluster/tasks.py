"""Many tasks on the workers of a cluster: whoever dies meanwhile, each comes to its result once."""

import hashlib
import pickle
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tqdm import tqdm

from agegender_lib.cluster import connection
from agegender_lib.cluster.child import ChildDied, call
from agegender_lib.cluster.connection import Client
from agegender_lib.errors import InputError

# Dask gives a task up that four workers died of; a cluster whose machines come and go needs more patience.
_GIVEN_UP = 3


def results(
    client: Client,
    function: Callable,
    tasks: Mapping[str, tuple],
    doing: str,
    shared: Mapping[str, Any] | None = None,
    mark: str = "",
    keep: bool = False,
) -> Iterator[tuple[str, Any]]:
    """Call a function on the workers, once for every task; names and results as they arrive, under one bar.

    A task whose worker dies is done by another one, and all that are left are handed to a scheduler that is started
    again at the same address. An InputError that a task raises is raised here.

    Parameters
    ----------
    client : Client
    function : callable
        Of a module.
    tasks : mapping
        Its arguments by the task's name.
    doing : str
        What the bar counts.
    shared : mapping, optional
        Arguments by name that all tasks have in common; they travel to each worker once.
    mark : str
        With ``keep``: what else tells these tasks from others of their names.
    keep : bool
        The tasks go on when this client has gone, and the same call finds them, or their results, again.
    """
    from distributed import KilledWorker, as_completed

    left, deaths = dict(tasks), Counter[str]()
    mark = hashlib.sha256(repr((mark, connection.about())).encode()).hexdigest()[:8] if keep else secrets.token_hex(4)
    with tqdm(total=len(left), desc=doing, unit="task", disable=None) as bar:
        while left:
            futures: list = []
            try:
                futures += _submitted(client, function, left, shared or {}, mark, keep)
                names = {future.key: name for future, name in zip(futures, left, strict=True)}
                for future in (arriving := as_completed(futures, loop=client.loop)):
                    name = names[future.key]
                    try:
                        result = future.result()
                    except (KilledWorker, ChildDied):
                        deaths[name] += 1
                        if deaths[name] > _GIVEN_UP:
                            raise InputError(_deadly(name)) from None
                        future.retry()
                        arriving.add(future)
                        continue
                    if isinstance(result, InputError):
                        raise result
                    bar.update()
                    yield name, result
                    del left[name]
                    if keep:
                        client.unpublish_dataset(future.key)
                    future.release()  # of a million photos, no worker keeps what has arrived
            except Exception as error:
                if _came_back(client, error):
                    continue
                for future in futures if keep else ():
                    client.unpublish_dataset(future.key)
                client.cancel(futures, force=True)
                if isinstance(error, ImportError):
                    raise InputError(f"a worker {connection.trouble(error)}") from None
                raise


def _submitted(client, function, tasks, shared, mark, keep):
    """Futures of the tasks, in their order. A task is bytes, so that the scheduler imports no TensorFlow."""
    from distributed import LocalCluster

    # elsewhere a training's own lines and bars are its worker's log
    quiet = isinstance(client.cluster, LocalCluster)
    payloads = [pickle.dumps((function, args)) for args in tasks.values()]
    keys = [f"{name}-{mark}" for name in tasks]
    with warnings.catch_warnings():
        # what is shared goes through the scheduler, which sends it again where all workers that had it died
        warnings.filterwarnings("ignore", "Sending large graph")
        content, common = hashlib.sha256(), {}
        for name, each in shared.items():
            pickled = pickle.dumps(each)
            content.update(pickled)
            common[name] = client.submit(pickle.loads, pickled, key=f"{name}-{content.hexdigest()[:8]}")
        given = {"about": connection.about(), "content": content.hexdigest(), "quiet": quiet}
        # what fails on one machine, such as one without room, may do on another
        futures = client.map(_called, payloads, key=keys, retries=2, **given, **common)
    if keep:
        client.publish_dataset(dict(zip(keys, futures, strict=True)), override=True)
    return futures


def _called(payload, about, content, quiet, **shared):
    """On a worker: the task, if this worker is as the client is; what was wrong with its input is its result."""
    try:
        connection.check_like(about)
        return call(payload, shared, content, quiet)
    except InputError as error:
        return error


def _deadly(name):
    return (
        f"{name} was given up, because every worker that tried it died, most often for want of memory: start workers "
        "with more of it, and run the same command again"
    )


def _came_back(client, error):
    """Whether the error was that the scheduler went away, and it is there again; an InputError if it is not."""
    from distributed import CancelledError
    from distributed.comm import CommClosedError

    lost = isinstance(error, CommClosedError) or client.status != "running"
    if isinstance(error, CancelledError):
        lost = getattr(error, "reason", "") == "scheduler-connection-lost"
        if not lost:
            raise InputError("somebody cancelled these tasks on the scheduler: the same command goes on") from None
    end = time.monotonic() + connection.PATIENCE + 5
    while lost and client.status == "connecting" and time.monotonic() < end:
        time.sleep(0.1)
    if lost and client.status != "running":
        raise InputError(
            "the scheduler does not answer any more: the same command with a running scheduler goes on where this one "
            "stopped"
        ) from None
    return lost

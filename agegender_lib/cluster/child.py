"""A Python of its own for what a worker computes.

Dask draws from Python's random numbers in its threads all the time, and a training's weights are drawn from the same
ones: beside it, no training would be the same twice. The child also keeps what it has loaded for the next task.
"""

import os
import pickle
import queue
import subprocess
import sys
import threading
from typing import Any

from agegender_lib import folders

#: Variables that say how many threads TensorFlow and the linear algebra below numpy use.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
_SERVE = "from agegender_lib.cluster.child import serve; serve()"
_here = threading.local()


class ChildDied(RuntimeError):
    """The process that computed was killed, most often for want of memory."""


def call(payload: bytes, shared: dict[str, Any], content: str, quiet: bool) -> Any:
    """Call the pickled function with its pickled arguments, and ``shared`` ones by name, in this thread's child.

    The child is sent what is shared where its ``content``, a hash, is another than the last time. What the function
    prints goes to the worker's log, or, with ``quiet``, nowhere. It raises what the function raises.
    """
    child = getattr(_here, "child", None)
    if child is None or child.poll() is not None:
        child, _here.content = _start(quiet), None
        _here.child = child
    try:
        pickle.dump((payload, None if content == _here.content else shared), child.stdin)
        child.stdin.flush()
        _here.content = content
        result, error = pickle.load(child.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        child.kill()
        raise ChildDied(f"ended with {child.wait()}") from None
    if error is not None:
        raise error
    return result


def _start(quiet):
    from distributed import get_worker

    paths = [str(folders.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"AGEGENDER_WORK": str(folders.WORK), "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        # one thread, as a worker of one thread has one core, unless its environment says otherwise
        env=dict.fromkeys(THREADS, "1") | os.environ | own,
        cwd=get_worker().local_directory,  # what it writes without a place is gone with the worker
    )


def serve() -> None:
    """In the child: one call after the other, until the worker is gone; then this process ends at once."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no answer
    calls: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=[calls], daemon=True).start()
    shared: dict[str, Any] = {}
    while True:
        payload, new = calls.get()
        shared = shared if new is None else new
        try:
            function, arguments = pickle.loads(payload)
            answer = pickle.dumps((function(*arguments, **shared), None))
        except Exception as error:
            answer = _told(error)
        answers.write(answer)
        answers.flush()


def _listen(calls):
    while True:
        try:
            calls.put(pickle.load(sys.stdin.buffer))
        except EOFError:
            os._exit(1)


def _told(error):
    try:
        pickle.loads(answer := pickle.dumps((None, error)))
        return answer
    except Exception:  # not every exception can be sent
        return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))

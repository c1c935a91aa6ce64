"""A notebook, executed headless by papermill."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from agegender_lib import folders
from agegender_lib.errors import InputError, NotebookFailed
from agegender_lib.lock import Busy
from agegender_lib.pipeline.kernel import NAME, ThisPython
from agegender_lib.reporting.profiles import parameters_of

_USER_ERRORS = (InputError.__name__, Busy.__name__)
_CELL = re.compile(r"Executing Cell (\d+)-")  # as papermill logs it


def execute(notebook: Path, parameters: dict[str, Any], threads: int = 0) -> Path:
    """Execute one notebook with those of the parameters it declares; returns the executed copy.

    That lies in `folders.EXECUTED` and keeps the outputs and, after a failure, the traceback.
    The kernel computes in ``threads`` threads (0: all cores), unless the user's environment says otherwise.
    An InputError when the notebook stopped because of something the user gave, NotebookFailed when for another reason.
    """
    folders.EXECUTED.mkdir(parents=True, exist_ok=True)
    copy = folders.EXECUTED / notebook.name
    # papermill writes it again after every cell, and not atomically
    running = copy.with_name(f".running-{notebook.name}")
    known = parameters_of(notebook)
    chosen = {name: value for name, value in parameters.items() if name in known}
    try:
        papermill.execute_notebook(
            str(notebook),
            str(running),
            chosen,
            # papermill's own cwd moves this whole process, in which other notebooks start at the same time
            resources={"metadata": {"path": str(notebook.parent)}},
            # whatever kernel somebody chose last in JupyterLab or another editor
            kernel_name=NAME,
            language="python",
            kernel_manager_class=ThisPython,
            config=Config(ThisPython={"threads": threads}),
            log_output=True,
            progress_bar=False,
            # what goes wrong in a cell is told by the exception; a kernel that is stopped would print its own
            extra_arguments=["--log-level=CRITICAL"],
        )
    except DeadKernelError:
        raise NotebookFailed(
            f"{notebook.name} was cut off, because its kernel was killed, most often for want of memory: close "
            "other programs; the same command goes on where it stopped"
        ) from None
    except PapermillExecutionError as error:
        if error.ename in _USER_ERRORS:
            raise InputError(error.evalue) from None
        raise NotebookFailed(
            f"{notebook.name} failed with {error.ename}: {error.evalue} (its traceback is in {copy})"
        ) from None
    finally:
        if running.exists():
            os.replace(running, copy)
    return copy


@contextmanager
def told_live(tell: Callable[[str, int, str], None]) -> Iterator[None]:
    """Pass on how far notebooks have come and what they print about a training, and nothing else papermill logs.

    ``tell`` gets the thread's name, the number of the cell that begins (0 for a line), and a line (empty for a cell).
    """
    logger, handler = logging.getLogger("papermill"), logging.Handler(logging.INFO)

    def emit(record: logging.LogRecord) -> None:
        message = record.getMessage()
        if cell := _CELL.match(message):
            tell(record.threadName, int(cell[1]), "")
        for line in message.splitlines():
            if line.startswith("epoch "):
                tell(record.threadName, 0, line)

    handler.emit = emit
    level, spreads = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = spreads

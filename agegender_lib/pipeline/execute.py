"""Notebooks, executed headless by papermill under one progress bar."""

import logging
import os
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.errors import InputError, NotebookFailed
from agegender_lib.lock import Busy
from agegender_lib.pipeline.kernel import NAME, ThisPython
from agegender_lib.pipeline.parameters import parameters_of

_USER_ERRORS = (InputError.__name__, Busy.__name__)


def execute(notebook: Path, parameters: dict[str, Any], executed: Path | None = None) -> Path:
    """Execute one notebook with those of the parameters it declares.

    Parameters
    ----------
    notebook : Path
    parameters : dict
        By name; what this notebook does not declare is left out.
    executed : Path, optional
        Folder for the executed copy (default: `folders.EXECUTED`), which keeps the outputs and, after a failure,
        the traceback.

    Returns
    -------
    Path
        The executed copy.

    Raises
    ------
    InputError
        When its cell of parameters cannot be read, or it stopped because of something the user gave.
    NotebookFailed
        When it stopped for another reason.
    """
    executed = executed or folders.EXECUTED
    executed.mkdir(parents=True, exist_ok=True)
    copy = executed / notebook.name
    # papermill writes it again after every cell, and not atomically
    running = executed / f".running-{notebook.name}"
    known = parameters_of(notebook)
    chosen = {name: value for name, value in parameters.items() if name in known}
    with _told_live(notebook.stem):
        try:
            papermill.execute_notebook(
                str(notebook),
                str(running),
                chosen,
                cwd=str(notebook.parent),
                # whatever kernel somebody chose last in JupyterLab or another editor
                kernel_name=NAME,
                language="python",
                kernel_manager_class=ThisPython,
                log_output=True,
                progress_bar={"unit": "cell", "desc": notebook.stem, "leave": True},
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


class _told_live:
    """Show what a notebook prints about a training above papermill's bar, and nothing else papermill logs."""

    def __init__(self, name: str):
        self.name = name
        self.logger = logging.getLogger("papermill")

    def __enter__(self):
        self.handler = logging.Handler(logging.INFO)
        self.handler.emit = self._emit
        self.level, self.spreads = self.logger.level, self.logger.propagate
        self.logger.addHandler(self.handler)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False

    def __exit__(self, *_):
        self.logger.removeHandler(self.handler)
        self.logger.setLevel(self.level)
        self.logger.propagate = self.spreads

    def _emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        for line in message.splitlines():
            if line.startswith("epoch "):
                tqdm.write(f"  {line}")

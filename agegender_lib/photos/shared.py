"""One reader for several processes: a model and a detector are in memory once, however many visitors the page has."""

import os
import secrets
import threading
from concurrent.futures import Future
from multiprocessing import get_context, parent_process
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import numpy as np

from agegender_lib.photos.pictures import Source
from agegender_lib.photos.reader import DEFAULT_MODEL, Photo, PhotoReader

#: Tells the processes that this one starts where the reader is: its key and its address.
SHARED = "AGEGENDER_READER"


class _Reader:
    """The reader, one request after the other, for memory's sake; those that come before it is loaded wait."""

    def __init__(self, model: str | Path):
        self._loaded: Future[PhotoReader] = Future()
        self._lock = threading.Lock()
        threading.Thread(target=self._load, args=(model,), daemon=True).start()

    def _load(self, model: str | Path) -> None:
        from matplotlib.cbook import get_sample_data

        try:
            reader = PhotoReader(model)
            # traces its graphs, so that the first visitor does not wait for that
            reader.saliency(reader.read(get_sample_data("grace_hopper.jpg", asfileobj=False)))
            self._loaded.set_result(reader)
        except BaseException as error:
            self._loaded.set_exception(error)

    def read(self, source: Source, aligned: bool) -> Photo:
        reader = self._loaded.result()
        with self._lock:
            return reader.read(source, aligned)

    def task_maps(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        reader = self._loaded.result()
        with self._lock:
            return reader.task_maps(crops)


_reader: _Reader


def _the_reader() -> _Reader:
    """In the process of the reader."""
    return _reader


class _Manager(BaseManager):
    """Holds the reader in a process of its own."""


_Manager.register("reader", _the_reader, exposed=("read", "task_maps"))


class SharedReader:
    """Reads photos as :class:`PhotoReader` does, in the process that :func:`start_shared_reader` began."""

    def __init__(self):
        key, address = os.environ[SHARED].split(" ", 1)
        manager = _Manager(address, bytes.fromhex(key))
        manager.connect()
        self._reader: Any = manager.reader()  # type: ignore[attr-defined]

    def read(self, source: Source, aligned: bool = False) -> Photo:
        """See :meth:`PhotoReader.read`."""
        return self._reader.read(source, aligned)

    def saliency(self, photo: Photo, task: str = "age") -> np.ndarray:
        """See :meth:`PhotoReader.saliency`."""
        if not photo._saliency:
            photo._saliency.update(self._reader.task_maps(photo.crops))
        return photo._saliency[task]


def start_shared_reader(model: str | Path = "") -> BaseManager:
    """Load a model in a process of its own, which ends with this one, and tell the processes that are started later."""
    key = secrets.token_bytes(16)
    manager = _Manager(authkey=key, ctx=get_context("spawn"))
    manager.start(_begin, (str(model or DEFAULT_MODEL),))
    os.environ[SHARED] = f"{key.hex()} {manager.address}"
    return manager


def _begin(model: str) -> None:
    """In the new process."""
    global _reader
    _reader = _Reader(model)
    threading.Thread(target=lambda: (parent_process().join(), os._exit(0)), daemon=True).start()

"""Photos read on the workers of a cluster: the rows that one process reads, each once, in the same order."""

import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import cluster
from agegender_lib.errors import InputError
from agegender_lib.photos import PhotoReader
from agegender_lib.photos.intervals import corrections_file
from agegender_lib.photos.reader import PHOTOS
from agegender_lib.pipeline.predict_photos import read_tables

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client


def read_remotely(
    client: "Client", model: str | Path, files: list[Path], aligned: bool, pictures: Mapping[Path, Path]
) -> list[tuple[Path, "pd.DataFrame | InputError"]]:
    """:func:`read_tables` on workers, which have to see the photos; the model travels to them."""
    sent = {file.name: file.read_bytes() for file in (Path(model), corrections_file(model)) if file.is_file()}
    # what one process reads in one batch is one task: its last digits depend on what it is read together with
    parts = [files[start : start + PHOTOS] for start in range(0, len(files), PHOTOS)]
    marks = {str(folder): cluster.marked(folder) for folder in {file.parent.absolute() for file in pictures.values()}}
    tasks = {}
    for number, part in enumerate(parts):
        there = [(file.absolute(), file.exists()) for file in part]
        wanted = {file.absolute(): pictures[file].absolute() for file in part if file in pictures}
        tasks[f"photos-{number}"] = Path(model).name, there, aligned, wanted, marks
    found = dict(cluster.results(client, _read, tasks, f"photos, {PHOTOS} at a time", {"model": tuple(sent.items())}))
    return [
        (file, told if not isinstance(told, InputError) else InputError(str(told).replace(str(absolute), str(file))))
        for name, part in zip(tasks, parts, strict=True)
        for file, (absolute, told) in zip(part, found[name], strict=True)
    ]


def _read(name, there, aligned, pictures, marks, model):
    """On a worker: one batch of photos."""
    lost = [file for file, seen in there if seen and not file.exists()]
    lost += [folder for folder, mark in marks.items() if not cluster.is_marked(folder, mark)]
    if lost:
        raise InputError(
            f"a worker on {socket.gethostname()} does not see {lost[0]}: give folders that all workers see, by the "
            "same path"
        )
    return read_tables(_reader(name, model), [file for file, _ in there], aligned, pictures)


@lru_cache(1)
def _reader(name: str, model: tuple[tuple[str, bytes], ...]) -> PhotoReader:
    for file, content in model:
        Path(file).write_bytes(content)  # beside what else the worker keeps for a while
    return PhotoReader(name)

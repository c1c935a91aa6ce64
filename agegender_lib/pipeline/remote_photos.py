"""Photos read on the workers of a cluster: the rows that one process reads, each once, in the same order."""

import socket
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from agegender_lib import cluster
from agegender_lib.errors import InputError
from agegender_lib.photos import PhotoReader
from agegender_lib.photos.intervals import corrections_file
from agegender_lib.photos.reader import PHOTOS
from agegender_lib.pipeline.photo_sources import Listed
from agegender_lib.pipeline.predict_photos import read_records
from agegender_lib.pipeline.prediction_files import Record


def read_remotely(
    client: cluster.Client, model: str | Path, photos: list[Listed], aligned: bool, pictures: list[Path | None]
) -> Iterator[Record]:
    """:func:`read_records` on workers, which have to see the photos; the model travels to them."""
    if inside := [photo.path for photo in photos if photo.member]:
        raise InputError(f"workers do not read photos out of {inside[0]}: unpack it, and give the folder")
    sent = {file.name: file.read_bytes() for file in (Path(model), corrections_file(model)) if file.is_file()}
    folders = {file.parent.absolute() for file in pictures if file}
    marks = {str(folder): cluster.marked(folder) for folder in folders}
    tasks = {}
    # what one process reads in one batch is one task: its last digits depend on what it is read together with
    for start in range(0, len(photos), PHOTOS):
        part = [(photo.path.absolute(), photo.path.exists()) for photo in photos[start : start + PHOTOS]]
        wanted = [file and file.absolute() for file in pictures[start : start + PHOTOS]]
        tasks[f"photos-{start // PHOTOS}"] = Path(model).name, part, aligned, wanted, marks
    arrived, left = {}, iter(tasks)
    names = (photo.path for photo in photos)
    waited = next(left, None)
    for task, records in cluster.results(
        client, _read, tasks, f"photos, {PHOTOS} at a time", {"model": tuple(sent.items())}
    ):
        arrived[task] = records
        while waited in arrived:  # in the order in which they were given
            for record, path in zip(arrived.pop(waited), names, strict=False):
                if "error" in record:
                    record["error"] = record["error"].replace(str(path.absolute()), str(path))
                yield record
            waited = next(left, None)


def _read(name, there, aligned, pictures, marks, model):
    """On a worker: one batch of photos."""
    lost = [file for file, seen in there if seen and not file.exists()]
    lost += [folder for folder, mark in marks.items() if not cluster.is_marked(folder, mark)]
    if lost:
        raise InputError(
            f"a worker on {socket.gethostname()} does not see {lost[0]}: give folders that all workers see, by the "
            "same path"
        )
    return list(read_records(_reader(name, model), [file for file, _ in there], aligned, pictures))


@lru_cache(1)
def _reader(name: str, model: tuple[tuple[str, bytes], ...]) -> PhotoReader:
    for file, content in model:
        Path(file).write_bytes(content)  # beside what else the worker keeps for a while
    return PhotoReader(name)

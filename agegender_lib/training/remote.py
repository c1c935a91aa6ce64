"""Trainings on the workers of a Dask cluster: the same run folders, wherever they were trained."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras

from agegender_lib import cluster
from agegender_lib.data import FaceSet
from agegender_lib.data.shared import open_shared, shared_faces
from agegender_lib.files import replacing_folder
from agegender_lib.models.weights import located
from agegender_lib.runs import METRICS, finished, read_json
from agegender_lib.training.config import TrainingConfig
from agegender_lib.training.train import alone_with, train


def train_remotely(
    client: cluster.Client, configs: Mapping[str, TrainingConfig], faces: FaceSet, weights: str | Path, runs: str | Path
) -> dict[str, Path]:
    """:func:`train` of many, each as one task on a worker; run folders by the name that each has.

    They lie in ``runs`` afterwards. A worker that sees that folder trains in it, so that another one goes on with what
    it had come to where it dies; one that does not sends the finished run folder. Trainings go on when this process
    ends, and the same call finds them again.
    """
    runs = Path(runs).resolve()
    mark = cluster.marked(runs)
    entry, shared = shared_faces(client, faces)
    tasks = {name: (config, located(weights), runs, mark, entry) for name, config in configs.items()}
    done = {}
    for name, sent in cluster.results(client, _trained, tasks, "trainings", shared, mark, keep=True):
        for run, files in (sent or {}).items():
            _unpack(runs / run, files)
        done[name] = runs / name
    return done


def _trained(config, weights, runs, mark, entry, faces=None):
    """On a worker: a training; the files of its run folders by name, or None where they lie where they are to be."""
    faces = faces or open_shared(entry)
    here = cluster.is_marked(runs, mark)
    runs = runs if here else Path("runs")  # where the worker keeps what it does not need for long
    try:
        folder = train(config, faces, weights, runs, wait=math.inf)
    finally:
        keras.utils.clear_session()
    if here:
        return None
    members = read_json(folder / METRICS).get("members", [])
    return {run: {file.name: file.read_bytes() for file in (runs / run).iterdir()} for run in [*members, folder.name]}


def _unpack(folder, files):
    """A run folder as a worker sent it, unless it was finished here meanwhile."""
    with alone_with(folder, math.inf):
        if finished(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)  # what a killed training left
        with replacing_folder(folder) as temporary:
            for name, content in files.items():
                (temporary / name).write_bytes(content)

"""Trainings whose speed is measured: the original's, ours, and the bare step of each."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops

from agegender_lib.data import FaceSet
from agegender_lib.training import TrainingConfig, build_network, configure
from agegender_lib.training.batches import Batches
from agegender_lib.training.losses import targets
from agegender_lib.training.network import compile_for, fast_precision, precision, training_graph

from .fit import fit_pace
from .original import OriginalBatches, missing, write_jpegs
from .timing import Variant, pace

ORIGINAL, OURS, BARE = "training, original's loading", "training, our loading", "training, bare step"
#: Settings of both models; the original's are those of its report.
SETTINGS = {
    "original": {
        "builder": {"variant": "original"},
        "optimizer": "adam",
        "ema_momentum": None,
        "age_loss": "mse",
        "age_weight": 1,
        "gender_weight": 500,
        "label_smoothing": 0,
    },
    "ModelA": {},
}


def training_variants(
    faces: FaceSet, rows: np.ndarray, folder: Path
) -> dict[Variant, Callable[[float], np.ndarray]]:
    """What to measure, as functions that train for the seconds they are given and return seconds per image.

    Parameters
    ----------
    faces : FaceSet
    rows : int [n]
        Faces to train on.
    folder : Path
        Where the original's JPEG files go.

    Returns
    -------
    dict
        Without the original's loading where it is :func:`missing`. What is compared most closely stands together.
    """
    found = {}
    original = settings_of("original")
    size = min(original.batch_size, len(rows))
    full = len(rows) // size
    if missing() is None:
        found[Variant(ORIGINAL, "original", "float32")] = fit_pace(
            bare_graph(original, "float32", len(rows)), _from_files(faces, rows, folder, size), size, full
        )
    for model, arithmetics in {"original": ["float32"], "ModelA": precisions()}.items():
        config = settings_of(model)
        for arithmetic in arithmetics:
            graph = whole_graph(config, arithmetic, len(rows))
            batches = Batches(
                faces.images, rows, targets(faces.table.iloc[rows], config, graph.output), size, seed=1
            )
            found[Variant(OURS, model, arithmetic)] = fit_pace(graph, batches, size, full)
            bare = bare_graph(config, arithmetic, len(rows))
            found[Variant(BARE, model, arithmetic)] = _standing(bare, *in_memory(batches))
    return found


def settings_of(model: str) -> TrainingConfig:
    """The training settings of "original" or "ModelA"."""
    return configure("model_a", **SETTINGS[model])


def default_precision() -> str:
    """The arithmetic ModelA trains in unless told otherwise, on this machine."""
    default = settings_of("ModelA").precision
    return fast_precision() if default == "auto" else default


def precisions() -> list[str]:
    """ModelA's default arithmetic, this machine's fastest, and float32; each once."""
    return list(dict.fromkeys((default_precision(), fast_precision(), "float32")))


def whole_graph(config: TrainingConfig, arithmetic: str, images: int) -> keras.Model:
    """Augmentation and network, ready to train on uint8 faces."""
    with precision(arithmetic):
        graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], max(1, images // config.batch_size))
    return graph


def bare_graph(config: TrainingConfig, arithmetic: str, images: int) -> keras.Model:
    """The network alone, ready to train on float32 faces in [0, 1]."""
    with precision(arithmetic):
        network = training_graph(build_network(config), config).get_layer("network")
    compile_for(network, config, config.stages[0], max(1, images // config.batch_size))
    return network


def in_memory(batches: Batches) -> tuple:
    """The first batch as the backend's tensors: float32 [n, 128, 128, 3] in [0, 1], and targets by output."""
    images, wanted = batches[0]
    pixels = ops.convert_to_tensor(images.astype("float32") / 255)
    return pixels, {name: ops.convert_to_tensor(values) for name, values in wanted.items()}


def _standing(graph, pixels, wanted):
    """Train on one batch again and again."""
    return lambda seconds: pace(lambda: graph.train_on_batch(pixels, wanted), len(pixels), seconds)


def _from_files(faces, rows, folder, size):
    table = faces.table.iloc[rows][["gender", "age"]].assign(file=write_jpegs(faces.images[rows], folder))
    return OriginalBatches(folder, table, size)

"""A configuration and faces go in, a run folder comes out."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from agegender_lib import folders
from agegender_lib.data import FaceSet, nearest_age, split_faces, split_fold, split_sources, subsample_training
from agegender_lib.files import clear_left_over, write_csv, write_json
from agegender_lib.lock import ORPHANED, alone
from agegender_lib.models import add_test_time_augmentation, ensemble_average, load_model, predict
from agegender_lib.models.backend import data_parallel, processor
from agegender_lib.models.heads import MIRROR
from agegender_lib.models.saving import quantise_weights, save_model
from agegender_lib.runs import CONFIG, HISTORY, METRICS, MODEL, PREDICTIONS, PROVENANCE, finished, labels_of, read_json
from agegender_lib.training.batches import check_batches
from agegender_lib.training.checkpoint import TrainingState
from agegender_lib.training.config import TrainingConfig
from agegender_lib.training.features import predict_from_features
from agegender_lib.training.fit import fit
from agegender_lib.training.identity import identity_of, name_of, origin_of, refuse_another
from agegender_lib.training.network import build_network, check_stages, in_float32, precision, training_graph

_CHECKPOINT = "checkpoint.npz"


def train(
    config: TrainingConfig,
    faces: FaceSet,
    weights: str | Path = "pretrained",
    runs: Path = folders.RUNS,
    name: str | None = None,
    on_epoch: Callable[[dict], None] | None = None,
    wait: float = ORPHANED,
) -> Path:
    """Train a model, or go on with a training that was killed, or return one that is finished.

    Parameters
    ----------
    config : TrainingConfig
    faces : FaceSet
    weights : str or Path
        What a backbone starts from: "pretrained" (downloaded), "published" (the backbone of the published model), a
        Keras weights file, or "none".
    runs : Path
        Folder of run folders.
    name : str, optional
        Of the run; by default the model and a short hash of settings, faces and weights.
    on_epoch : callable, optional
        Gets every epoch's row of history.csv once it is safely written, those of a killed training's earlier
        epochs first. What it raises ends the training, which the same call would go on with.
    wait : float
        Seconds to wait for another process that trains this; the kernel of a killed report lives on for a moment.

    Returns
    -------
    Path
        The run folder, see :mod:`agegender_lib.runs.folder`.

    Raises
    ------
    InputError
        If the settings cannot be built, pre-trained weights cannot be had, or the folder holds another training.
    """
    identity = identity_of(config, faces, weights)
    folder = Path(runs) / (name or name_of(config, identity))
    if _finished(folder, identity, faces):
        return folder
    split = split_as_configured(config, faces.table)
    make = _train_members if config.ensemble_size > 1 else _train_one
    make(config, faces, weights, folder, identity, split, on_epoch, wait)
    return folder


def split_as_configured(config: TrainingConfig, table: pd.DataFrame) -> pd.Series:
    """ "train", "validation" or "unused" of every face, as the settings say."""
    if config.fold is not None:
        fold, folds = map(int, config.fold.split("/"))
        split = split_fold(table, fold, folds, config.split_seed)
    else:
        divide = split_sources if config.split_sources else split_faces
        split = divide(table, seed=config.split_seed, validation_size=config.validation_size)
    if config.train_size is not None:
        split = subsample_training(table, split, config.train_size, seed=config.split_seed)
    return split


def _train_one(config, faces, weights, folder, identity, split, on_epoch, wait):
    keras.utils.set_random_seed(config.seed)
    with precision(config.precision), data_parallel(config.devices):
        network = build_network(config, weights)
        arithmetic = keras.config.dtype_policy().name
        origin = origin_of(network, config, weights, faces, split)
        graph = training_graph(network, config)
    check_stages(network, config)
    check_batches(config, int((split == "train").sum()), int((split == "validation").sum()))
    # settings that cannot be built leave no folder behind, so that its name is free for the right ones
    with alone_with(folder, wait):
        if _finished(folder, identity, faces):
            return
        _claim(folder, identity)
        state = TrainingState.read(folder / _CHECKPOINT)
        state.facts = state.facts or {"weights_origin": origin, "precision": arithmetic}
        with data_parallel(config.devices):
            fit(graph, network, config, faces, split, state, folder, on_epoch)
        exact = in_float32(network, config)
        _save(add_test_time_augmentation(exact) if config.test_time_augmentation else exact, config, folder)
        predicted = None
        if config.significand_bits is None and all(stage.cached_features for stage in config.stages):
            predicted = predict_from_features(exact, faces, config.test_time_augmentation)
        _conclude(folder, faces, split, pd.DataFrame(state.history), state.facts, predicted)
        state.path.unlink(missing_ok=True)


def _train_members(config, faces, weights, folder, identity, split, on_epoch, wait):
    """Train every member in a run folder of its own beside ``folder``, which gets their mean."""
    single = replace(config, ensemble_size=1, significand_bits=None)
    members = [replace(single, seed=config.seed + number) for number in range(config.ensemble_size)]
    with alone_with(folder, wait):
        if _finished(folder, identity, faces):
            return
        parts = [train(member, faces, weights, folder.parent, on_epoch=on_epoch, wait=wait) for member in members]
        _claim(folder, identity)
        _save(ensemble_average([load_model(part / MODEL) for part in parts]), config, folder)
        histories = pd.concat([pd.read_csv(part / HISTORY) for part in parts])
        history = histories.groupby("epoch", as_index=False).mean().astype({"stage": int})
        # an epoch of the whole is an epoch of each member
        history["seconds"] *= config.ensemble_size
        first = read_json(parts[0] / METRICS)
        facts = {key: first[key] for key in ("weights_origin", "precision")}
        _conclude(folder, faces, split, history, facts | {"members": [part.name for part in parts]})


def _save(model, config, folder):
    if config.significand_bits is not None:
        save_model(model, folder / "exact.keras")
        quantise_weights(model, config.significand_bits)
    save_model(model, folder / "model.h5", folder / MODEL)


def _conclude(folder, faces, split, history, facts, predicted=None):
    """Predictions and metrics of the file that was saved, not of the network in memory.

    Predictions that are known from features are not computed again, but the file has to agree on some.
    """
    model = load_model(folder / MODEL)
    labels = labels_of(faces.table)
    asked = faces.images if predicted is None else faces.images[:32]
    size = min(100, len(asked))
    predict(model, asked[:1], size)  # traces the graph, which the time of a prediction leaves out
    begun = time.perf_counter()
    answered = predict(model, asked, size, progress=True)
    images_per_second = len(answered) / (time.perf_counter() - begun)
    if predicted is None:
        predicted = answered
    elif not np.allclose(answered, predicted[: len(answered)], rtol=1e-3, atol=1e-3):
        raise RuntimeError(f"{folder / MODEL} does not predict as the features did that its heads learnt on")
    predictions = pd.concat([labels, predicted], axis=1)
    predictions.insert(1, "split", split)
    write_csv(folder / PREDICTIONS, predictions, float_format="%.5f")
    write_csv(folder / HISTORY, history)
    metrics = {part: _scores(rows) for part, rows in predictions.groupby("split")}
    metrics |= {
        "epochs": len(history),
        "seconds_per_epoch": float(history["seconds"].median()),
        "seconds": float(history["seconds"].sum()),
        "parameters": sum(layer.count_params() for layer in model.layers if not layer.name.endswith(MIRROR)),
        "file_bytes": (folder / MODEL).stat().st_size,
        "images_per_second": images_per_second,
        **facts,
    }
    exact = folder / "exact.keras"
    if exact.exists():
        held_out = predictions[predictions["split"] == "validation"]
        unrounded = predict(load_model(exact), faces.images, rows=held_out.index.to_numpy())
        metrics["unrounded_validation"] = _scores(held_out.assign(**unrounded.set_index(held_out.index)))
        exact.unlink()
    write_json(folder / PROVENANCE, _provenance(faces, metrics["seconds"]))
    write_json(folder / METRICS, metrics)


def _scores(rows):
    age = rows["age_predicted"].astype("float64")
    error = (age - nearest_age(rows, age)).abs()
    right = (rows["p_female"] >= 0.5) == (rows["gender"] == 1)
    return {"images": len(rows), "age_mae": float(error.mean()), "gender_accuracy": float(right.mean())}


def alone_with(folder, wait):
    """One process at a time: a second one would train the same epochs again into the same files."""
    return alone(folder.with_name(f".{folder.name}.lock"), f"the training {folder}", wait)


def _finished(folder, identity, faces):
    """Whether this training is done; refuses a folder that holds another one."""
    refuse_another(folder, identity, faces)
    if not finished(folder):
        return False
    (folder / _CHECKPOINT).unlink(missing_ok=True)  # of who was killed between the last two lines of train
    return True


def _claim(folder, identity):
    """Make the folder this training's, without what a killed one was just writing."""
    folder.mkdir(parents=True, exist_ok=True)
    clear_left_over(folder)
    if not (folder / CONFIG).exists():
        write_json(folder / CONFIG, identity)


def _provenance(faces, seconds):
    packages = ("tensorflow-cpu", "tensorflow", "jax", "torch", "keras", "numpy", "pandas")
    versions = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in packages:
        with suppress(ImportError):
            versions[package] = version(package)
    data = {"name": faces.name, "fingerprint": faces.fingerprint, "rendered": faces.synthetic}
    return {
        "data": data | {"images": len(faces.table)},
        "versions": versions,
        "commit": _commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {processor()}",
        "seconds": seconds,
    }


def _commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        said = subprocess.check_output(command, cwd=folders.ROOT, stderr=subprocess.DEVNULL, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.strip()

"""Runs that the repository holds already: the real report is made again in minutes, and others are told their time."""

import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.data.decode import SIZE
from agegender_lib.errors import InputError
from agegender_lib.files import copy_file
from agegender_lib.lock import ORPHANED, alone
from agegender_lib.models import load_model, predict
from agegender_lib.models.saving import save_model
from agegender_lib.runs.find import model_file, published_runs
from agegender_lib.runs.folder import CONFIG, METRICS, MODEL, PREDICTIONS, TABLES, finished, kept_predictions, read_json
from agegender_lib.runs.tables import read_run
from agegender_lib.training.config import TrainingConfig
from agegender_lib.training.identity import identity_of, name_of, run_name
from agegender_lib.training.train import train

# What a model has to say again of the first faces before it is taken for the one that the tables describe.
_COMPARED, _YEARS, _P_FEMALE = 32, 1e-3, 1e-4


def train_or_restore(
    config: TrainingConfig, faces: FaceSet, weights: str | Path = "pretrained", retrain: bool = False
) -> Path:
    """The run folder of a training: one that is finished here, the published one, or else a new training.

    One line says so when it is the published one, and what that began from. An InputError when the published model does
    not predict what its predictions say.

    Parameters
    ----------
    config, faces, weights
        As :func:`train` takes them.
    retrain : bool
        Train again even where the repository publishes this training.
    """
    published = None if retrain else find_published(config, faces, weights)
    if published is None or finished(folders.RUNS / run_name(config, faces, weights)):
        return train(config, faces, weights, folders.RUNS)
    folder = _restored(published, config, faces)
    origin = read_json(published / METRICS)["weights_origin"]
    print(
        f"{folder.name} is published with this repository, for these faces and settings, begun from {origin}: nothing "
        "is trained (retrain = True, or --retrain, trains it again)"
    )
    return folder


def find_published(config: TrainingConfig, faces: FaceSet, weights: str | Path = "pretrained") -> Path | None:
    """The published tables of this very training, with its model beside them; None where there are none.

    A training that is asked to begin from "pretrained" weights may have begun from another file of such.
    """
    wanted = identity_of(config, faces, weights)
    for folder in published_runs(faces, folders.REPORT):
        kept = read_json(folder / CONFIG)
        same = TrainingConfig.from_dict(kept["training"]) == config
        if same and wanted["weights"] in ("pretrained", kept["weights"]) and model_file(folder):
            return folder
    return None


def expected_seconds(config: TrainingConfig, faces: int, training: int) -> float | None:
    """What a training with so many ``faces``, of which ``training`` train, would take where the published ones ran.

    In proportion to the seconds that the published training of the same network took per face and epoch; where heads
    learn on features, what computing these takes. None where no such network is published.
    """
    folder = folders.REPORT / "results" / "runs" / config.model
    if not folder.is_dir():
        return None
    run = read_run(folder)
    known = TrainingConfig.from_dict(run.config["training"])
    if known.architecture != config.architecture:
        return None
    last = run.history["stage"] == run.history["stage"].iloc[-1]
    whole = run.history.loc[last, "seconds"].mean()
    of_face = whole / len(run.train) / known.ensemble_size
    epochs = sum(stage.epochs for stage in config.stages if not stage.cached_features)
    features = 2 * faces if any(stage.cached_features for stage in config.stages) else 0
    return config.ensemble_size * (epochs * training * of_face + features / run.metrics["images_per_second"])


def machine_speed() -> float:
    """How many times as fast as where the published models ran, by predictions of ModelA; takes some seconds."""
    model = load_model(folders.REPORT / "models" / "age_gender_A.keras")
    images = np.zeros((100, SIZE, SIZE, 3), "uint8")
    predict(model, images)  # traces the graph
    begun = time.perf_counter()
    predict(model, images)
    then = read_json(folders.REPORT / "results" / "runs" / "model_a" / METRICS)["images_per_second"]
    return len(images) / (time.perf_counter() - begun) / then


def _restored(published: Path, config: TrainingConfig, faces: FaceSet) -> Path:
    """A run folder like the one that was published; its metrics come last, as in a training."""
    folder = folders.RUNS / name_of(config, read_json(published / CONFIG))
    with alone(folder.with_name(f".{folder.name}.lock"), f"the training {folder}", ORPHANED):
        if finished(folder):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        source = model_file(published)
        model = load_model(source)
        _check_predictions(model, source, published, faces)
        copy_file(source, folder / MODEL)
        if source.with_suffix(".h5").is_file():
            copy_file(source.with_suffix(".h5"), folder / "model.h5")
        else:
            save_model(model, folder / "model.h5")
        for path in kept_predictions(published):
            copy_file(path, folder / path.name)
        for name in (*(name for name in TABLES if name != METRICS), METRICS):
            copy_file(published / name, folder / name)
    return folder


def _check_predictions(model, source, published, faces):
    told = pd.read_csv(published / PREDICTIONS, nrows=_COMPARED)
    said = predict(model, faces.images[: len(told)])
    years, p_female = (np.abs(said[c] - told[c]).max() for c in ("age_predicted", "p_female"))
    same = list(told["file"]) == list(faces.table["file"][: len(told)])
    if not (same and years <= _YEARS and p_female <= _P_FEMALE):
        raise InputError(
            f"{source} does not predict what {published / PREDICTIONS} says (up to {years:.3f} years otherwise): "
            "restore both from the repository, or train again with --retrain"
        )

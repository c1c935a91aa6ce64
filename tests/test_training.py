"""Training learns, keeps its run folder's promises, and survives being killed at any moment."""

import agegender_lib.quiet  # noqa: F401  before Keras

# isort: split
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import asdict, replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from agegender_lib import folders
from agegender_lib.data import split_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import baselines, read_run, summarise
from agegender_lib.evaluation.tables import HISTORY_COLUMNS, PREDICTION_COLUMNS
from agegender_lib.models import BACKBONES, load_model, predict
from agegender_lib.models.backbones import Backbone
from agegender_lib.models.heads import AGES
from agegender_lib.training import Stage, TrainingConfig, build_network, configure, train
from agegender_lib.training.batches import Batches
from agegender_lib.training.checkpoint import State, stalled
from agegender_lib.training.config import DEFAULTS
from agegender_lib.training.losses import age_distributions, targets
from agegender_lib.training.network import compile_for, training_graph
from agegender_lib.training.progress import Progress

# The smallest network there is: what is tested here is the training, not what comes of it.
TINY = dict(variant="original", filters=(4, 4), split_after=2, features="global", dense=8)


def every(faces, step):
    """Every so many-th face."""
    table = faces.table.iloc[::step].reset_index(drop=True)
    return replace(faces, table=table, images=faces.images[::step])


@pytest.fixture(scope="module")
def few(drawn):
    """60 faces, 20 of which the tiny trainings hold out."""
    return every(drawn, 10)


def tiny(**settings):
    stages = [dict(epochs=3, learning_rate=0.01)]
    return configure("model_a", **{"builder": TINY, "stages": stages, "validation": 20, "batch_size": 8, **settings})


def numbers(run):
    """What a run came to, without the seconds it took."""
    history = run.history.drop(columns="seconds")
    metrics = {key: value for key, value in run.metrics.items() if "seconds" not in key}
    return history, run.predictions, metrics


# A training that learns.


@pytest.fixture(scope="module")
def learnt(drawn, tmp_path_factory):
    """A short training of a narrow ModelA on 450 faces, and 150 it never saw."""
    config = configure(
        "model_a",
        builder=dict(widths=(16, 16, 32, 32), stem=16, dropout=0.0),
        stages=[dict(epochs=10, learning_rate=5e-3)],
        validation=150,
        batch_size=15,
        ema_momentum=0.9,
        weight_decay=0.01,
        augmentation=dict(rotation=0.0, shift=0.0, zoom=0.0, brightness=0.0, contrast=0.0, grey=0.0, erase=0.0),
        seed=1,
    )
    runs = tmp_path_factory.mktemp("runs")
    return config, runs, read_run(train(config, drawn, runs=runs, name="learnt"))


def test_it_beats_the_answers_that_do_not_look(learnt):
    run = learnt[2]
    assert len(run.validation) == 150
    reached = summarise(run.validation, resamples=100).set_index("metric")["value"]
    constant = baselines(run.train, run.validation, resamples=100).set_index("metric")["value"]
    assert reached["age_mae"] < 0.93 * constant["age_mae"]
    assert reached["gender_accuracy"] > constant["gender_accuracy"] + 0.15


def test_the_run_folder_is_complete(learnt, drawn):
    config, runs, run = learnt
    names = {path.name for path in (runs / "learnt").iterdir()}
    assert names == {
        *("config.json", "provenance.json", "history.csv", "model.keras", "model.h5"),
        *("predictions.csv", "metrics.json"),
    }
    assert TrainingConfig.from_dict(run.config["training"]) == config
    for kept in (run.config["data"], run.provenance["data"]):
        assert kept["name"] == drawn.name and kept["fingerprint"] == drawn.fingerprint
    assert run.rendered and run.provenance["data"]["images"] == 600
    assert run.provenance["versions"]["keras"] == keras.__version__
    assert run.provenance["commit"] and run.provenance["machine"]


def test_the_history_has_a_row_per_epoch(learnt):
    history = learnt[2].history
    assert list(history.columns) == list(HISTORY_COLUMNS)
    assert list(history["epoch"]) == list(range(1, 11)) and set(history["stage"]) == {"1"}
    assert (history["seconds"] > 0).all() and np.isfinite(history.drop(columns="stage")).all(axis=None)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    # an epoch of warm-up, then down a cosine to zero
    rate = history["learning_rate"].to_numpy()
    cosine = 5e-3 * (1 + np.cos(np.pi * np.arange(10) / 9)) / 2
    assert rate == pytest.approx(cosine, abs=1e-7)


def test_the_predictions_cover_every_face_once(learnt, drawn):
    config, runs, run = learnt
    table = run.predictions
    assert list(table.columns) == list(PREDICTION_COLUMNS)
    labels = ["file", "age", "gender", "race", "duplicate_group"]
    pd.testing.assert_frame_equal(table[labels], drawn.table[labels], check_dtype=False)
    assert list(table["split"]) == list(split_faces(drawn.table, config.split_seed, 150))
    assert table["p_female"].between(0, 1).all() and table["age_predicted"].between(0, 116).all()
    for file in ("model.keras", "model.h5"):
        again = predict(load_model(runs / "learnt" / file), drawn.images[:60])
        for column, tolerance in (("age_predicted", 1e-3), ("p_female", 2e-5)):
            assert again[column].to_numpy() == pytest.approx(table[column].to_numpy()[:60], abs=tolerance)


def test_the_metrics_are_those_of_the_predictions(learnt):
    _, runs, run = learnt
    for part in ("train", "validation"):
        rows = run.predictions[run.predictions["split"] == part]
        again = summarise(rows, resamples=100).set_index("metric")["value"]
        assert run.metrics[part]["images"] == len(rows) == (450 if part == "train" else 150)
        assert run.metrics[part]["age_mae"] == pytest.approx(again["age_mae"], abs=1e-4)
        assert run.metrics[part]["gender_accuracy"] == pytest.approx(again["gender_accuracy"], abs=1e-9)
    model = load_model(runs / "learnt" / "model.keras")
    assert run.metrics["epochs"] == 10 and run.metrics["precision"] == "float32"
    assert run.metrics["seconds"] == pytest.approx(run.history["seconds"].sum(), abs=1e-6)
    assert run.metrics["parameters"] == model.count_params()
    assert run.metrics["file_bytes"] == (runs / "learnt" / "model.keras").stat().st_size
    assert "scratch" in run.metrics["weights_origin"]


def test_the_frozen_parts_of_the_saved_model_are_as_built(learnt):
    model = load_model(learnt[1] / "learnt" / "model.keras")
    plain = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    assert np.array_equal(np.asarray(plain.get_layer("age_output").kernel)[:, 0], AGES)
    assert np.array_equal(np.asarray(model.get_layer("mirror_reverse").kernel), np.eye(128)[::-1])


def test_a_finished_training_is_returned_at_once(learnt, drawn, monkeypatch):
    config, runs, _ = learnt
    before = {path.name: path.stat().st_mtime_ns for path in (runs / "learnt").iterdir()}
    monkeypatch.setattr(keras.Model, "fit", None)
    monkeypatch.setattr(keras.Model, "save", None)
    assert train(config, drawn, runs=runs, name="learnt") == runs / "learnt"
    assert {path.name: path.stat().st_mtime_ns for path in (runs / "learnt").iterdir()} == before


def test_a_run_of_other_settings_or_faces_is_refused(learnt, drawn, few):
    config, runs, _ = learnt
    with pytest.raises(InputError, match=r"other settings \(seed is 1 there and 2 here\): give another run name"):
        train(replace(config, seed=2), drawn, runs=runs, name="learnt")
    with pytest.raises(InputError, match="builder is .*stem.* there"):
        train(replace(config, builder={}), drawn, runs=runs, name="learnt")
    others = replace(few, fingerprint="0" * 64)
    with pytest.raises(InputError, match=r"was trained on other faces \(faces\): give another run name"):
        train(config, others, runs=runs, name="learnt")


def test_a_config_that_cannot_be_read_is_refused(learnt, drawn, tmp_path):
    config, runs, _ = learnt
    shutil.copytree(runs / "learnt", tmp_path / "copy")
    for broken in ("{", "{}", '{"training": {"model": "model_a", "colour": 1}}', "[1]"):
        (tmp_path / "copy" / "config.json").write_text(broken)
        with pytest.raises(InputError, match=r"config\.json cannot be read .* delete the folder"):
            train(config, drawn, runs=tmp_path, name="copy")


# Killed and resumed.

# Two stages, so that one kill falls between them; early stopping with patience 2 ends the second.
STAGES = [dict(epochs=2, learning_rate=5e-3), dict(epochs=40, learning_rate=0.05, warmup_epochs=0.4)]
STOPPING = dict(stages=STAGES, early_stopping=2, ema_momentum=0.8, flip_averaging=False)

CHILD = """
    import json, sys, time
    from dataclasses import replace
    from pathlib import Path

    import numpy as np

    from agegender_lib.data import load_faces
    from agegender_lib.training import TrainingConfig, train

    source, cache, runs, config = sys.argv[1:]
    faces = load_faces(source, cache)
    faces = replace(faces, table=faces.table.iloc[::10].reset_index(drop=True), images=faces.images[::10])
    whole = np.savez

    def half(path, history, **arrays):
        whole(path, history=history, **arrays)
        if len(json.loads(history)) == 3:
            path.write_bytes(path.read_bytes()[:5000])
            print("half a checkpoint is written", flush=True)
            time.sleep(600)

    np.savez = half
    train(TrainingConfig.from_dict(json.loads(config)), faces, runs=Path(runs), name="run")
"""


class Stopped(BaseException):
    """Stands for the key that interrupts a notebook."""


def stop_after(epoch, monkeypatch):
    """Let trainings end right after this epoch's checkpoint is written."""
    real = Progress.row

    def row(self, row):
        real(self, row)
        if row["epoch"] == epoch:
            raise Stopped

    monkeypatch.setattr(Progress, "row", row)


@pytest.fixture(scope="module")
def undisturbed(few, tmp_path_factory):
    runs = tmp_path_factory.mktemp("undisturbed")
    return read_run(train(tiny(**STOPPING), few, runs=runs, name="run")), runs / "run"


def test_early_stopping_ends_the_last_stage_and_keeps_its_best_epoch(undisturbed):
    run, folder = undisturbed
    history = run.history
    assert list(history["epoch"]) == list(range(1, len(history) + 1)) and len(history) < 42
    assert list(history["stage"]) == ["1"] * 2 + ["2"] * (len(history) - 2)
    last = history[history["stage"] == "2"].reset_index(drop=True)
    best = last["val_loss"].idxmin()
    assert len(last) - 1 - best == 2
    # what was saved validates as the best epoch did, and not as the last one
    saved = run.metrics["validation"]
    assert saved["age_mae"] == pytest.approx(last.loc[best, "val_age_mae"], abs=1e-3)
    assert abs(last.loc[best, "val_age_mae"] - last["val_age_mae"].iloc[-1]) > 0.01
    assert saved["gender_accuracy"] == pytest.approx(last.loc[best, "val_gender_accuracy"], abs=1e-6)
    config = tiny(**STOPPING)
    rows = run.validation
    arrays = targets(rows, config, False)
    p = rows["p_female"].to_numpy().clip(1e-7, 1 - 1e-7)
    entropy = cross_entropy(arrays["gender_output"][:, 0], p, config.label_smoothing)
    loss = config.gender_weight * entropy + config.age_weight * saved["age_mae"]
    assert loss == pytest.approx(last.loc[best, "val_loss"], abs=1e-3)


def test_a_killed_training_goes_on_where_it_was(undisturbed, few, drawn_source, tmp_path, monkeypatch):
    # SIGKILL finds the process in the middle of writing the checkpoint of the second stage's first epoch
    config, folder = tiny(**STOPPING), tmp_path / "run"
    command = [*map(str, drawn_source), str(tmp_path), json.dumps(asdict(config))]
    with (tmp_path / "errors.txt").open("w") as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), *command],
            env={**os.environ, "PYTHONPATH": str(folders.ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        said = [line for line in iter(child.stdout.readline, "") if "half" in line or child.poll()][:1]
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert said, (tmp_path / "errors.txt").read_text()[-3000:]
    assert child.returncode == -signal.SIGKILL
    left = sorted(path.name for path in folder.iterdir())
    assert left[0].startswith(".writing-") and left[1:] == ["checkpoint.npz", "config.json", "history.csv"]
    killed = (folder / "history.csv").read_text()
    assert killed.count("\n") == 3

    # then somebody interrupts the second attempt within the second stage
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(4, patch)
        train(config, few, runs=tmp_path, name="run")
    interrupted = (folder / "history.csv").read_text()
    assert interrupted.startswith(killed) and interrupted.count("\n") == 5
    assert not list(folder.glob(".*"))

    train(config, few, runs=tmp_path, name="run")
    # no finished epoch was trained twice: its row, seconds included, is the one written then
    assert (folder / "history.csv").read_text().startswith(interrupted)
    assert {path.name for path in folder.iterdir()} == {path.name for path in undisturbed[1].iterdir()}
    for resumed, straight in zip(numbers(read_run(folder)), numbers(undisturbed[0]), strict=True):
        assert_same(resumed, straight)


def assert_same(one, other):
    if isinstance(one, dict):
        assert one == other
    else:
        pd.testing.assert_frame_equal(one, other, check_exact=True)

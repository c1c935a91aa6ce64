"""Training learns, and keeps its run folder's promises."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from made_runs import tiny

from agegender_lib.data import split_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import evaluate, paired_comparison, read_run
from agegender_lib.evaluation.comparison import constant_predictions
from agegender_lib.models import load_model, predict
from agegender_lib.models.heads import AGES
from agegender_lib.reporting.profiles import model_settings
from agegender_lib.runs.tables import HISTORY_COLUMNS, PREDICTION_COLUMNS
from agegender_lib.training import TrainingConfig, build_network, configure, train
from agegender_lib.training.network import compile_for, training_graph


@pytest.fixture(scope="module")
def learnt(third, tmp_path_factory):
    """The quick profile's ModelA, trained on 320 faces, and 80 it never saw."""
    config = configure("model_a", **model_settings("quick", "model_a"))
    runs = tmp_path_factory.mktemp("runs")
    return config, runs, read_run(train(config, third, runs=runs, name="learnt"))


def test_a_third_of_the_quick_profile_s_faces_teach_model_a(learnt):
    run = learnt[2]
    assert len(run.validation) == 80
    scores = evaluate(run.validation).set_index("metric")
    assert scores.loc["age_mae", "high"] < 14 and scores.loc["gender_accuracy", "low"] > 0.65
    constant = constant_predictions(run.train, run.validation)
    against = paired_comparison(constant, run.validation).set_index("metric")
    age, gender = against.loc["age_mae"], against.loc["gender_accuracy"]
    # 9.8 of 16.2 years, and 89 % of 53 %
    assert age["b"] < 0.93 * age["a"] and age["high"] < 0
    assert gender["b"] > gender["a"] + 0.15 and gender["low"] > 0.1


def test_a_step_is_traced_once(few, tmp_path, monkeypatch):
    """Tracing takes most of a short training; a step that makes variables would be traced again."""
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: traced.append(1) or step(self, data))
    run = read_run(train(tiny(), few, runs=tmp_path))
    assert len(traced) == 1 and run.metrics["precision"] == "float32"


def test_the_run_folder_is_complete(learnt, third):
    config, runs, run = learnt
    names = {path.name for path in (runs / "learnt").iterdir()}
    assert names == {
        *("config.json", "provenance.json", "history.csv", "model.keras", "model.h5"),
        *("predictions.csv", "metrics.json"),
    }
    assert TrainingConfig.from_dict(run.config["training"]) == config
    for kept in (run.config["data"], run.provenance["data"]):
        assert kept["name"] == third.name and kept["fingerprint"] == third.fingerprint
    assert run.synthetic and run.provenance["data"]["images"] == 400
    assert run.provenance["versions"]["keras"] == keras.__version__
    assert run.provenance["commit"] and run.provenance["machine"]


def test_the_history_has_a_row_per_epoch(learnt):
    history = learnt[2].history
    assert list(history.columns) == list(HISTORY_COLUMNS)
    assert list(history["epoch"]) == list(range(1, 31)) and set(history["stage"]) == {"1"}
    assert (history["seconds"] > 0).all() and np.isfinite(history.drop(columns="stage")).all(axis=None)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    # an epoch of warm-up, then down a cosine to zero
    rate = history["learning_rate"].to_numpy()
    cosine = 4e-3 * (1 + np.cos(np.pi * np.arange(30) / 29)) / 2
    assert rate == pytest.approx(cosine, abs=1e-7)


def test_the_predictions_cover_every_face_once(learnt, third):
    config, runs, run = learnt
    table = run.predictions
    assert list(table.columns) == list(PREDICTION_COLUMNS)
    labels = ["file", "age", "gender", "race", "duplicate_group"]
    pd.testing.assert_frame_equal(table[labels], third.table[labels], check_dtype=False)
    assert list(table["split"]) == list(split_faces(third.table, config.split_seed, 0.2))
    assert table["p_female"].between(0, 1).all() and table["age_predicted"].between(0, 116).all()
    for file in ("model.keras", "model.h5"):
        again = predict(load_model(runs / "learnt" / file), third.images[:60])
        for column, tolerance in (("age_predicted", 1e-3), ("p_female", 2e-5)):
            assert again[column].to_numpy() == pytest.approx(table[column].to_numpy()[:60], abs=tolerance)


def test_the_metrics_are_those_of_the_predictions(learnt):
    config, runs, run = learnt
    for part in ("train", "validation"):
        rows = run.predictions[run.predictions["split"] == part]
        again = evaluate(rows).set_index("metric")["value"]
        assert run.metrics[part]["images"] == len(rows) == (320 if part == "train" else 80)
        assert run.metrics[part]["age_mae"] == pytest.approx(again["age_mae"], abs=1e-4)
        assert run.metrics[part]["gender_accuracy"] == pytest.approx(again["gender_accuracy"], abs=1e-9)
    # the file holds a mirror as well, which is arithmetic
    assert run.metrics["parameters"] == build_network(config).count_params()
    assert load_model(runs / "learnt" / "model.keras").count_params() == run.metrics["parameters"] + 128**2
    assert run.metrics["epochs"] == 30 and run.metrics["precision"] in ("float32", "mixed_bfloat16")
    assert run.metrics["seconds"] == pytest.approx(run.history["seconds"].sum(), abs=1e-6)
    assert run.metrics["file_bytes"] == (runs / "learnt" / "model.keras").stat().st_size
    assert "scratch" in run.metrics["weights_origin"]


def test_the_frozen_parts_of_the_saved_model_are_as_built(learnt):
    model = load_model(learnt[1] / "learnt" / "model.keras")
    assert np.array_equal(np.asarray(model.get_layer("each_age_output").kernel)[:, 0], AGES)
    assert np.array_equal(np.asarray(model.get_layer("mirror_reverse").kernel)[0, 0], np.eye(128)[::-1])


def test_a_finished_training_is_returned_at_once(learnt, third, monkeypatch):
    config, runs, _ = learnt
    before = {path.name: path.stat().st_mtime_ns for path in (runs / "learnt").iterdir()}
    monkeypatch.setattr(keras.Model, "fit", None)
    monkeypatch.setattr(keras.Model, "save", None)
    assert train(config, third, runs=runs, name="learnt") == runs / "learnt"
    assert {path.name: path.stat().st_mtime_ns for path in (runs / "learnt").iterdir()} == before


def test_a_run_of_other_settings_or_faces_is_refused(learnt, third, few):
    config, runs, _ = learnt
    with pytest.raises(InputError, match=r"other settings \(seed is 1 there and 2 here\): give another run name"):
        train(replace(config, seed=2), third, runs=runs, name="learnt")
    with pytest.raises(InputError, match=r"architecture is .*stem.* there"):
        train(replace(config, architecture={}), third, runs=runs, name="learnt")
    others = replace(few, fingerprint="0" * 64)
    with pytest.raises(InputError, match=r"was trained on other faces \(faces\) than these .*: give another run name"):
        train(config, others, runs=runs, name="learnt")


def test_a_config_that_cannot_be_read_is_refused(learnt, third, tmp_path):
    config, runs, _ = learnt
    shutil.copytree(runs / "learnt", tmp_path / "copy")
    for broken in ("{", "{}", '{"training": {"model": "model_a", "colour": 1}}', "[1]"):
        (tmp_path / "copy" / "config.json").write_text(broken)
        with pytest.raises(InputError, match=r"config\.json cannot be read .* delete the folder"):
            train(config, third, runs=tmp_path, name="copy")


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "adam"])
def test_weight_decay_spares_biases_and_normalisation(optimizer):
    config = tiny(optimizer=optimizer, weight_decay=0.5, stages=[dict(epochs=2, learning_rate=0.1, warmup_epochs=0)])
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 10)
    for variable in graph.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    # without gradients, decay is all that is left
    graph.optimizer.apply([keras.ops.zeros_like(v) for v in graph.trainable_variables])
    kinds = set()
    for variable in graph.trainable_variables:
        kinds.add((variable.name, len(variable.shape)))
        decays = optimizer != "adam" and variable.name == "kernel"
        value = keras.ops.convert_to_numpy(variable)
        assert value == pytest.approx(1 - 0.1 * 0.5 if decays else 1, abs=1e-6), variable.path
    assert kinds == {("kernel", 4), ("kernel", 2), ("bias", 1), ("gamma", 1), ("beta", 1)}

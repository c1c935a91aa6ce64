"""Training learns, keeps its run folder's promises, and survives being killed at any moment."""

import json
import shutil
import sys
from dataclasses import asdict, replace

import keras
import numpy as np
import pandas as pd
import pytest
from tiny_backbone import tiny_backbone

from agegender_lib.data import split_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import evaluate, paired_comparison, read_run
from agegender_lib.evaluation.comparison import constant_predictions
from agegender_lib.models import load_model, predict
from agegender_lib.models.heads import AGES
from agegender_lib.runs.tables import HISTORY_COLUMNS, PREDICTION_COLUMNS
from agegender_lib.training import Stage, TrainingConfig, build_network, configure, train
from agegender_lib.training.batches import Batches
from agegender_lib.training.checkpoint import TrainingState
from agegender_lib.training.fit import Progress
from agegender_lib.training.losses import age_distributions, targets
from agegender_lib.training.network import compile_for, training_graph

# The smallest network there is: what is tested here is the training, not what comes of it.
TINY = dict(variant="original", filters=(4, 4), split_after=2, features="global", dense=8)


# the plainest training; what the real one adds is added where it is tested
PLAIN = dict(optimizer="adamw", ensemble_size=1, precision="float32")


def tiny(**settings):
    stages = [dict(epochs=3, learning_rate=0.01)]
    own = {"architecture": TINY, "stages": stages, "validation_size": 20, "batch_size": 8}
    return configure("model_a", **{**PLAIN, **own, **settings})


def numbers(run):
    """What a run came to, without the time it took."""
    history = run.history.drop(columns="seconds")
    # the model file holds the moment it was saved, so its packed size varies by a byte or two
    metrics = {k: value for k, value in run.metrics.items() if "second" not in k and k != "file_bytes"}
    return history, run.predictions, metrics


@pytest.fixture(scope="module")
def learnt(drawn, tmp_path_factory):
    """A short training of a narrow ModelA on 450 faces, and 150 it never saw."""
    config = configure(
        "model_a",
        **PLAIN,
        architecture=dict(widths=[16, 16, 32, 32], stem=16, dropout=0.0, image_size=128),
        stages=[dict(epochs=10, learning_rate=5e-3)],
        validation_size=150,
        batch_size=15,
        ema_momentum=0.9,
        weight_decay=0.01,
        augmentation=dict(rotation=0.0, shift=0.0, zoom=0.0, brightness=0.0, contrast=0.0, grey=0.0, erase=0.0),
        seed=1,
    )
    runs = tmp_path_factory.mktemp("runs")
    return config, runs, read_run(train(config, drawn, runs=runs, name="learnt"))


def test_a_trained_model_beats_the_constant_baseline(learnt):
    run = learnt[2]
    assert len(run.validation) == 150
    constant = constant_predictions(run.train, run.validation)
    against = paired_comparison(constant, run.validation).set_index("metric")
    age, gender = against.loc["age_mae"], against.loc["gender_accuracy"]
    # seeds 1, 2 and 3 reach 13.2 of 15.5 years, and 80 to 83 % of 52 %
    assert age["b"] < 0.93 * age["a"] and age["high"] < 0
    assert gender["b"] > gender["a"] + 0.15 and gender["low"] > 0.1


def test_a_step_is_traced_once(few, tmp_path, monkeypatch):
    """Tracing takes most of a short training; a step that makes variables would be traced again."""
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: traced.append(1) or step(self, data))
    train(tiny(), few, runs=tmp_path)
    assert len(traced) == 1


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
    assert run.synthetic and run.provenance["data"]["images"] == 600
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
    config, runs, run = learnt
    for part in ("train", "validation"):
        rows = run.predictions[run.predictions["split"] == part]
        again = evaluate(rows).set_index("metric")["value"]
        assert run.metrics[part]["images"] == len(rows) == (450 if part == "train" else 150)
        assert run.metrics[part]["age_mae"] == pytest.approx(again["age_mae"], abs=1e-4)
        assert run.metrics[part]["gender_accuracy"] == pytest.approx(again["gender_accuracy"], abs=1e-9)
    # the file holds a mirror as well, which is arithmetic
    assert run.metrics["parameters"] == build_network(config).count_params()
    assert load_model(runs / "learnt" / "model.keras").count_params() == run.metrics["parameters"] + 128**2
    assert run.metrics["epochs"] == 10 and run.metrics["precision"] == "float32"
    assert run.metrics["seconds"] == pytest.approx(run.history["seconds"].sum(), abs=1e-6)
    assert run.metrics["file_bytes"] == (runs / "learnt" / "model.keras").stat().st_size
    assert "scratch" in run.metrics["weights_origin"]


def test_the_frozen_parts_of_the_saved_model_are_as_built(learnt):
    model = load_model(learnt[1] / "learnt" / "model.keras")
    assert np.array_equal(np.asarray(model.get_layer("each_age_output").kernel)[:, 0], AGES)
    assert np.array_equal(np.asarray(model.get_layer("mirror_reverse").kernel)[0, 0], np.eye(128)[::-1])


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
    with pytest.raises(InputError, match=r"architecture is .*stem.* there"):
        train(replace(config, architecture={}), drawn, runs=runs, name="learnt")
    others = replace(few, fingerprint="0" * 64)
    with pytest.raises(InputError, match=r"was trained on other faces \(faces\) than these .*: give another run name"):
        train(config, others, runs=runs, name="learnt")


def test_a_config_that_cannot_be_read_is_refused(learnt, drawn, tmp_path):
    config, runs, _ = learnt
    shutil.copytree(runs / "learnt", tmp_path / "copy")
    for broken in ("{", "{}", '{"training": {"model": "model_a", "colour": 1}}', "[1]"):
        (tmp_path / "copy" / "config.json").write_text(broken)
        with pytest.raises(InputError, match=r"config\.json cannot be read .* delete the folder"):
            train(config, drawn, runs=tmp_path, name="copy")


# Two stages, so that one kill falls between them. The second is too fast to learn for long: after two epochs
# without a better one early stopping ends it.
STAGES = [dict(epochs=2, learning_rate=5e-3), dict(epochs=40, learning_rate=0.2, warmup_epochs=0.4)]
STOPPING = dict(
    seed=2, stages=STAGES, patience=2, ema_momentum=0.8, test_time_augmentation=False, optimizer="muon", mixup=0.2
)


class Stopped(BaseException):
    """Stands for the key that interrupts a notebook."""


def stop():
    raise Stopped


def stop_after(epoch, monkeypatch):
    """Let trainings end right after this epoch's checkpoint is written."""
    real = Progress.row

    def row(self, row):
        real(self, row)
        if row["epoch"] == epoch:
            stop()

    monkeypatch.setattr(Progress, "row", row)


@pytest.fixture(scope="module")
def undisturbed(few, tmp_path_factory):
    runs = tmp_path_factory.mktemp("undisturbed")
    return read_run(train(tiny(**STOPPING), few, runs=runs, name="run")), runs / "run"


def test_early_stopping_ends_the_last_stage_and_keeps_its_best_epoch(undisturbed):
    run = undisturbed[0]
    history = run.history
    assert list(history["epoch"]) == list(range(1, len(history) + 1)) and len(history) < 42
    assert list(history["stage"]) == ["1"] * 2 + ["2"] * (len(history) - 2)
    last = history[history["stage"] == "2"].reset_index(drop=True)
    best = last["val_loss"].idxmin()
    assert len(last) - 1 - best == 2
    # what was saved validates as the best epoch did, and not as the last one
    saved = run.metrics["validation"]
    assert saved["age_mae"] == pytest.approx(last.loc[best, "val_age_mae"], abs=1e-3)
    assert last["val_loss"].iloc[-1] - last.loc[best, "val_loss"] > 0.02
    assert saved["gender_accuracy"] == pytest.approx(last.loc[best, "val_gender_accuracy"], abs=1e-6)


def test_an_interrupted_training_goes_on_where_it_was(undisturbed, few, tmp_path, monkeypatch):
    config, folder = tiny(**STOPPING), tmp_path / "run"
    for epoch in (1, 4):  # within either stage
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            stop_after(epoch, patch)
            train(config, few, runs=tmp_path, name="run")
    interrupted = (folder / "history.csv").read_text()
    assert interrupted.count("\n") == 5
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.npz", "config.json", "history.csv"]

    # the next one learns to the end, and stops while the model is being saved
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(keras.Model, "save", lambda self, path: stop())
        train(config, few, runs=tmp_path, name="run")
    assert not list(folder.glob("model*")) and not list(folder.glob(".*"))

    # the last one has nothing left to learn
    monkeypatch.setattr(keras.Model, "fit", None)
    train(config, few, runs=tmp_path, name="run")
    # no finished epoch was trained twice: its row, seconds included, is the one written then
    assert (folder / "history.csv").read_text().startswith(interrupted)
    assert {path.name for path in folder.iterdir()} == {path.name for path in undisturbed[1].iterdir()}
    for resumed, straight in zip(numbers(read_run(folder)), numbers(undisturbed[0]), strict=True):
        assert_same(resumed, straight)


def assert_same(one, other):
    """Equal to the last bit, which is what was measured on a CPU, in one process and across processes."""
    if isinstance(one, dict):
        assert one == other
    else:
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def arrays_of(model):
    """A copy of the backbone's weights, by layer."""
    base = next(layer for layer in model._flatten_layers() if layer.name == "shared_tiny")
    return {layer.name: layer.get_weights() for layer in base.layers if layer.weights}


def read(variable):
    """A copy of a variable's value."""
    return np.asarray(keras.ops.convert_to_numpy(variable)).copy()


def unchanged(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def other_origin(network):
    network.weights_origin = "elsewhere"
    return network


def test_model_b_thaws_stage_by_stage_and_resumes_between_them(tiny_b, few, tmp_path, monkeypatch):
    config, weights = tiny_b
    given = tiny_backbone(False, None, (128, 128, 3))
    given.load_weights(weights)
    given = {layer.name: layer.get_weights() for layer in given.layers if layer.weights}
    epochs, write = [], TrainingState.write

    def watch(self, graph, optimizer):
        write(self, graph, optimizer)
        epochs.append(arrays_of(graph))

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "write", watch)
        straight = read_run(train(config, few, weights, runs=tmp_path, name="straight"))
    assert len(epochs) == 3
    # a stage of the heads leaves the backbone alone, and no stage touches its normalisation
    assert all(unchanged(epochs[0][name], given[name]) for name in given)
    for now in epochs[1:]:
        assert all(unchanged(now[name], given[name]) for name in ("norm1", "norm2"))
        assert not any(unchanged(now[name], given[name]) for name in ("conv1", "conv2"))

    metrics = straight.metrics
    assert "tiny.weights.h5" in metrics["weights_origin"]
    assert metrics["precision"] in ("float32", "mixed_bfloat16")
    # nine bits a weight change the predictions a little, and the metrics say how much
    model = load_model(tmp_path / "straight" / "model.keras")
    for weight in model.get_weights():
        assert not (weight.view("uint32") & 0x7FFF).any()
    assert metrics["unrounded_validation"]["images"] == 20
    difference = metrics["unrounded_validation"]["age_mae"] - metrics["validation"]["age_mae"]
    assert 0 < abs(difference) < 0.5
    assert not (tmp_path / "straight" / "exact.keras").exists()

    # killed between the stages, where the optimizer of the first has to give way to the second's
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(1, patch)
        train(config, few, weights, runs=tmp_path, name="resumed")
    with monkeypatch.context() as patch:
        # what another start would find now, such as a download that failed before, is not what this one began with
        patch.setattr(
            sys.modules[train.__module__], "build_network", lambda *given: other_origin(build_network(*given))
        )
        again = read_run(train(config, few, weights, runs=tmp_path, name="resumed"))
    assert again.metrics["weights_origin"] == metrics["weights_origin"]
    for resumed, once in zip(numbers(again), numbers(straight), strict=True):
        assert_same(resumed, once)

    # the file's content makes the run, not its place
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(weights, tmp_path / "elsewhere")
    assert train(config, few, moved, runs=tmp_path, name="straight") == tmp_path / "straight"
    network = tiny_backbone(False, None, (128, 128, 3))
    network.save_weights(weights)
    with pytest.raises(InputError, match=r"other settings \(weights are 'tiny\.weights\.h5 sha256 "):
        train(config, few, weights, runs=tmp_path, name="straight")


def test_a_training_that_cannot_start_leaves_no_folder(tiny_b, few, tmp_path):
    config, weights = tiny_b
    wrong = {
        "model_b cannot be built with .*'colour'": replace(config, architecture={**config.architecture, "colour": 1}),
        "augmentation .*'spin'.* is not understood": replace(config, augmentation={"spin": 1}),
        "validation_size": replace(config, validation_size=60),
    }
    runs = tmp_path / "runs"
    for message, one in wrong.items():
        with pytest.raises(InputError, match=message):
            train(one, few, weights, runs=runs, name="run")
    with pytest.raises(InputError, match="no weights file at"):
        train(config, few, tmp_path / "missing.h5", runs=runs, name="run")
    # the tiny backbone has nothing to download, as without a network
    with pytest.raises(InputError, match=r"pre-trained weights of tiny cannot be downloaded .* say 'none'"):
        train(config, few, "pretrained", runs=runs, name="run")
    with pytest.raises(InputError, match=r"a stage trains 'heads': .* has no backbone"):
        train(tiny(stages=[dict(epochs=1, learning_rate=1, trainable="heads")]), few, runs=runs, name="run")
    # the name is still free for the settings meant
    assert not runs.exists()


def test_the_saved_weights_are_the_averaged_ones(few, tmp_path, monkeypatch):
    # one step an epoch, so that every step's weights are seen
    config = tiny(
        stages=[dict(epochs=4, learning_rate=0.02, warmup_epochs=0)],
        batch_size=40,
        ema_momentum=0.6,
        test_time_augmentation=False,
    )
    steps, write = [], TrainingState.write

    def watch(self, graph, optimizer):
        write(self, graph, optimizer)
        steps.append({variable.path: read(variable) for variable in graph.trainable_variables})

    monkeypatch.setattr(TrainingState, "write", watch)
    run = read_run(train(config, few, runs=tmp_path, name="run"))
    assert len(steps) == 4
    averages = steps[0]
    for weights in steps[1:]:
        averages = {path: 0.6 * average + 0.4 * weights[path] for path, average in averages.items()}
    saved = load_model(tmp_path / "run" / "model.keras").trainable_variables
    assert {variable.path for variable in saved} == set(averages)
    for variable in saved:
        assert read(variable) == pytest.approx(averages[variable.path], abs=1e-5), variable.path
        if "kernel" in variable.path:
            assert np.abs(averages[variable.path] - steps[-1][variable.path]).max() > 1e-3
    # and what validated during the training is what was saved
    rows = run.validation
    entropy = cross_entropy(rows["gender"], rows["p_female"], config.label_smoothing)
    assert run.history["val_gender_loss"].iloc[-1] == pytest.approx(entropy, abs=1e-5)


def checkpoint_of(config, path):
    """A checkpoint as a training with these settings writes it."""
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 1)
    state = TrainingState(path)
    state.history = [{"epoch": 1, "stage": 1, "val_loss": 1.0, "seconds": 1.0}]
    state.best = [np.arange(3.0), np.ones((2, 2))]
    state.write(graph, graph.optimizer)
    return graph


def test_a_checkpoint_that_cannot_be_read_is_refused(few, tmp_path):
    path = tmp_path / "run" / "checkpoint.npz"
    path.parent.mkdir()
    checkpoint_of(tiny(), path)
    whole = path.read_bytes()
    np.savez(tmp_path / "no_history.npz", a=np.arange(3))
    for broken in (b"", whole[: len(whole) // 2], (tmp_path / "no_history.npz").read_bytes()):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"checkpoint\.npz cannot be read .* delete it to start over"):
            TrainingState.read(path)
    # a training says so as well, and leaves the file to its owner
    with pytest.raises(InputError, match="cannot be read"):
        train(tiny(), few, runs=tmp_path, name="run")
    assert path.read_bytes() == broken
    assert TrainingState.read(tmp_path / "none.npz").epoch == 0


def cross_entropy(labels, p, smoothing=0.0):
    labels = labels * (1 - smoothing) + smoothing / 2
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def test_label_distributions_are_normal_around_the_age():
    ages = np.arange(117)
    rows = age_distributions(ages, (2.5, 0.03))
    assert rows.shape == (117, 117) and rows.dtype == np.float32
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-5) and rows.min() >= 0
    assert list(rows.argmax(axis=1)) == list(ages)
    mean = rows @ AGES
    inside = slice(15, 90)  # far enough from both ends of the scale
    assert mean[inside] == pytest.approx(ages[inside], abs=0.02)
    assert np.abs(mean - ages).max() < 5
    spread = np.sqrt((rows * (AGES - mean[:, None]) ** 2).sum(axis=1))
    assert spread[inside] == pytest.approx(2.5 + 0.03 * ages[inside], rel=0.01)
    narrow = age_distributions(np.array([50.0]), (1.0, 0.0))
    assert narrow[0, 50] / narrow[0, 51] == pytest.approx(np.exp(0.5), rel=1e-4)


@pytest.fixture(scope="module")
def batch(few):
    """Eight faces, with a baby and the oldest among them."""
    order = few.table["age"].sort_values().index[[0, 8, 16, 24, 32, 40, 50, 59]]
    return few.images[order], few.table.loc[order]


def evaluated(config, batch):
    """Keras's losses for eight faces, and what the network says of them."""
    images, table = batch
    network = build_network(config)
    # a new network says 0.5, for which every label costs the same
    network.get_layer("gender_output").bias.assign([1.5])
    graph = training_graph(network, config)
    compile_for(graph, config, config.stages[0], 1)
    wanted = targets(table, config, graph.output)
    logs = graph.evaluate(Batches(images, range(8), wanted, 100), return_dict=True, verbose=0)
    said = graph.predict_on_batch(images)
    gender, age = network.predict_on_batch(images.astype("float32") / 255)
    # no augmentation where nothing trains
    assert said["age_output"] == pytest.approx(age, abs=1e-3)
    return logs, wanted, gender[:, 0], age[:, 0], said.get("age_distribution")


def test_the_original_loss_is_mse_plus_500_cross_entropies(batch):
    config = tiny(age_loss="mse", age_weight=1, gender_weight=500, label_smoothing=0)
    logs, wanted, p, age, _ = evaluated(config, batch)
    squares = np.mean((age - wanted["age_output"][:, 0]) ** 2)
    entropy = cross_entropy(wanted["gender_output"][:, 0], p)
    assert set(wanted["gender_output"][:, 0]) == {0, 1} and squares > 100
    assert logs["loss"] == pytest.approx(squares + 500 * entropy, rel=1e-4)
    assert logs["age_output_loss"] == pytest.approx(squares, rel=1e-4)
    assert logs["gender_output_loss"] == pytest.approx(entropy, rel=1e-4)
    assert logs["age_output_mae"] == pytest.approx(np.mean(np.abs(age - batch[1]["age"])), rel=1e-4)
    assert logs["gender_output_accuracy"] == pytest.approx(np.mean((p > 0.5) == batch[1]["gender"]))


def test_the_default_loss_adds_the_distribution_s_divergence(batch):
    config = tiny(
        architecture={**TINY, "age_head": "distribution"},
        age_weight=0.3,
        gender_weight=1.5,
        distribution_weight=0.7,
        label_smoothing=0.1,
    )
    config = replace(config, age_sigma=(3.0, 0.05))
    logs, wanted, p, age, distribution = evaluated(config, batch)
    labels = age_distributions(batch[1]["age"].to_numpy(), (3.0, 0.05))
    assert np.array_equal(wanted["age_distribution"], labels)
    divergence = np.mean(np.sum(labels * np.log(np.maximum(labels, 1e-7) / distribution), axis=1))
    error = np.mean(np.abs(age - batch[1]["age"]))
    entropy = cross_entropy(wanted["gender_output"][:, 0], p, 0.1)
    assert logs["loss"] == pytest.approx(0.3 * error + 1.5 * entropy + 0.7 * divergence, rel=1e-3)


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
        assert read(variable) == pytest.approx(1 - 0.1 * 0.5 if decays else 1, abs=1e-6), variable.path
    assert kinds == {("kernel", 4), ("kernel", 2), ("bias", 1), ("gamma", 1), ("beta", 1)}


def test_settings_survive_the_run_folder():
    config = configure(
        "model_b",
        stages=[dict(epochs=1, learning_rate=0.1, trainable="heads"), dict(epochs=2, learning_rate=0.2)],
        augmentation=dict(flip=False),
        architecture=dict(dense=7),
    )
    config = replace(config, age_sigma=(1.0, 0.1))
    assert config.stages == (Stage(1, 0.1, 1.0, "heads"), Stage(2, 0.2)) and config.epochs == 3
    kept = json.loads(json.dumps(asdict(config)))
    assert TrainingConfig.from_dict(kept) == config
    # a folder of an older version lacks the newer settings
    assert TrainingConfig.from_dict({"model": "model_b"}) == TrainingConfig("model_b")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batchsize": 3}, "'batchsize' is not a setting of model_a: did you mean batch_size"),
        ({"stages": [dict(epoch=3, learning_rate=1)]}, "'epoch' is not a setting of a stage .* did you mean epochs"),
        ({"stages": []}, "at least one stage"),
        ({"stages": [dict(epochs=0, learning_rate=1)]}, "epochs of a stage is 0: give a whole number of at least 1"),
        ({"stages": [dict(epochs=1, learning_rate="fast")]}, "learning_rate of a stage is 'fast': give a number"),
        ({"stages": [dict(epochs=1, learning_rate=1, trainable="mixed7")]}, "trainable of a stage is 'mixed7': choose"),
        ({"architecture": {"weights": "imagenet"}}, "weights are not part of the architecture: give --weights"),
        ({"augmentation": ["flip"]}, "augmentation is .* give a mapping"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd': choose one of adamw, adam"),
        ({"test_time_augmentation": "no"}, "test_time_augmentation is 'no': choose one of True, False"),
        ({"batch_size": 0}, "batch_size is 0: give a whole number of at least 1"),
        ({"gender_weight": -2}, "gender_weight is -2: give a number of at least 0"),
        ({"age_weight": float("nan")}, "age_weight is nan"),
        ({"label_smoothing": 1.5}, "label_smoothing is 1.5: give a number from 0 to 1"),
        ({"significand_bits": 25}, "significand_bits is 25: give a whole number from 2 to 24"),
        ({"age_sigma": [3, 0.1]}, "'age_sigma' is not a setting of model_a"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        configure("model_a", **settings)

"""A training that is killed, interrupted or misconfigured: it goes on, or leaves nothing behind."""

import shutil
import sys
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from made_runs import cross_entropy, numbers, tiny, watch
from model_tools import same
from tiny_backbone import tiny_backbone

from agegender_lib.errors import InputError
from agegender_lib.evaluation import read_run
from agegender_lib.models import load_model
from agegender_lib.training import build_network, train
from agegender_lib.training.checkpoint import TrainingState
from agegender_lib.training.fit import Progress
from agegender_lib.training.network import compile_for, training_graph

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
    watch(monkeypatch, Progress, "row", lambda self, row: stop() if row["epoch"] == epoch else None)


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


def arrays_of(base):
    """A copy of a backbone's weights, by layer."""
    return {layer.name: layer.get_weights() for layer in base.layers if layer.weights}


def other_origin(network):
    network.weights_origin = "elsewhere"
    return network


def test_model_b_thaws_stage_by_stage_and_resumes_between_them(tiny_b, few, tmp_path, monkeypatch):
    config, weights = tiny_b
    given = tiny_backbone(False, None, (128, 128, 3))
    given.load_weights(weights)
    given, epochs = arrays_of(given), []

    def note(state, graph, optimizer):
        epochs.append(arrays_of(graph.get_layer("network").get_layer("shared_tiny")))

    with monkeypatch.context() as patch:
        watch(patch, TrainingState, "write", note)
        straight = read_run(train(config, few, weights, runs=tmp_path, name="straight"))
    assert len(epochs) == 3
    # a stage of the heads leaves the backbone alone, and no stage touches its normalisation
    assert all(same(epochs[0][name], given[name]) for name in given)
    for now in epochs[1:]:
        assert all(same(now[name], given[name]) for name in ("norm1", "norm2"))
        assert not any(same(now[name], given[name]) for name in ("conv1", "conv2"))

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
    steps = []

    def note(state, graph, optimizer):
        steps.append({variable.path: np.array(variable) for variable in graph.trainable_variables})

    watch(monkeypatch, TrainingState, "write", note)
    run = read_run(train(config, few, runs=tmp_path, name="run"))
    assert len(steps) == 4
    averages = steps[0]
    for weights in steps[1:]:
        averages = {path: 0.6 * average + 0.4 * weights[path] for path, average in averages.items()}
    saved = load_model(tmp_path / "run" / "model.keras").trainable_variables
    assert {variable.path for variable in saved} == set(averages)
    for variable in saved:
        assert np.asarray(variable) == pytest.approx(averages[variable.path], abs=1e-5), variable.path
        if "kernel" in variable.path:
            assert np.abs(averages[variable.path] - steps[-1][variable.path]).max() > 1e-3
    # and what validated during the training is what was saved
    rows = run.validation
    entropy = cross_entropy(rows["gender"], rows["p_female"], config.label_smoothing)
    assert run.history["val_gender_loss"].iloc[-1] == pytest.approx(entropy, abs=1e-5)


def test_a_checkpoint_that_cannot_be_read_is_refused(few, tmp_path):
    path, config = tmp_path / "run" / "checkpoint.npz", tiny()
    path.parent.mkdir()
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 1)
    TrainingState(path, [{"epoch": 1}], best=[np.arange(3.0)]).write(graph, graph.optimizer)
    whole = path.read_bytes()
    np.savez(tmp_path / "no_history.npz", a=np.arange(3))
    for broken in (b"", whole[: len(whole) // 2], (tmp_path / "no_history.npz").read_bytes()):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"checkpoint\.npz cannot be read .* delete it to start over"):
            TrainingState.read(path)
    # a training says so as well, and leaves the file to its owner
    with pytest.raises(InputError, match="cannot be read"):
        train(config, few, runs=tmp_path, name="run")
    assert path.read_bytes() == broken
    assert TrainingState.read(tmp_path / "none.npz").epoch == 0

"""Heads on kept features, rates by depth, fewer training faces: what fine-tuning adds to a training."""

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from made_runs import tiny, watch
from tiny_backbone import tiny_backbone

from agegender_lib.data import split_faces, subsample_training
from agegender_lib.errors import InputError
from agegender_lib.evaluation import read_run
from agegender_lib.models import BACKBONES, load_model, predict, set_trainable
from agegender_lib.models.predict import in_batches
from agegender_lib.training import Stage, build_network, fit, train
from agegender_lib.training.batches import Batches
from agegender_lib.training.features import POOLED, backbone_features, predict_from_features
from agegender_lib.training.network import compile_for, training_graph
from agegender_lib.training.optimizers import layer_rates


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder of its own for features, also of trainings."""
    folder = tmp_path / "features"
    monkeypatch.setattr("agegender_lib.training.features.KEPT", folder)
    return folder


def test_features_are_the_pooled_maps_of_a_face_and_its_mirror_image(tiny_b, few, kept):
    network = build_network(*tiny_b)
    features = backbone_features(network, few)
    assert features.shape == (60, 2, 16) and features.dtype == np.float32
    faces = few.images.astype("float32") / 255
    pooled = keras.Model(network.inputs, network.get_layer(POOLED).output)
    for side, images in enumerate((faces, faces[:, :, ::-1])):
        wanted = pooled.predict(images, verbose=0)
        np.testing.assert_allclose(features[:, side], wanted, rtol=1e-4, atol=1e-5)
    assert np.abs(features[:, 0] - features[:, 1]).max() > 1e-3


def test_features_are_computed_once_for_the_same_network_and_faces(tiny_b, few, kept, monkeypatch):
    network = build_network(*tiny_b)
    once = np.array(backbone_features(network, few))  # the file they are mapped from is damaged below
    (path,) = kept.iterdir()
    calls, real = [], keras.Model.predict_on_batch
    monkeypatch.setattr(keras.Model, "predict_on_batch", lambda self, x: calls.append(len(x)) or real(self, x))
    # heads of other random numbers are no part of the features
    np.testing.assert_array_equal(backbone_features(build_network(*tiny_b), few), once)
    assert not calls
    path.write_bytes(path.read_bytes()[:500])
    np.testing.assert_array_equal(backbone_features(network, few), once)
    assert sum(calls) == 120
    backbone_features(network, replace(few, fingerprint="f" * 64))
    kernel = network.get_layer("shared_tiny").get_layer("conv1").kernel
    kernel.assign(kernel * 1.01)
    changed = backbone_features(network, few)
    assert len(list(kept.iterdir())) == 3 and sum(calls) == 360
    assert np.abs(changed - once).max() > 1e-4
    # nor does another resolution, which is a layer without weights, get the features of this one
    config, weights = tiny_b
    for side in (64, 96):
        backbone_features(
            build_network(replace(config, architecture={**config.architecture, "image_size": side}), weights), few
        )
    assert len(list(kept.iterdir())) == 5 and sum(calls) == 600


def heads_on_features(config, **settings):
    heads = Stage(2, 0.01, trainable="heads", cached_features=True)
    return replace(config, stages=(heads,), significand_bits=None, **settings)


def test_a_stage_on_features_trains_the_heads_alone(tiny_b, few, kept, tmp_path, monkeypatch):
    config, weights = heads_on_features(tiny_b[0], patience=None, test_time_augmentation=False), tiny_b[1]
    seen = []

    def note(checkpoint, epoch, logs):
        layers = {layer.name: layer for layer in checkpoint.network._flatten_layers()}
        seen.append({name: layers[name].get_weights() for name in ("conv1", "age_dense", "gender_dense")})

    watch(monkeypatch, fit.Checkpoint, "on_epoch_end", note)
    folder = train(config, few, weights, runs=tmp_path, name="heads")
    given = tiny_backbone(False, None, (128, 128, 3))
    given.load_weights(weights)
    for epoch in seen:
        assert np.array_equal(epoch["conv1"][0], given.get_layer("conv1").get_weights()[0])
    for branch in ("age_dense", "gender_dense"):
        assert not np.array_equal(seen[0][branch][0], seen[1][branch][0])
    # what was validated on features is what the saved network says of pixels
    run, said = read_run(folder), predict(load_model(folder / "model.keras"), few.images)
    error = run.metrics["validation"]["age_mae"]
    assert run.history["val_age_mae"].iloc[-1] == pytest.approx(error, rel=0.02)
    for answer in ("age_predicted", "p_female"):
        np.testing.assert_allclose(run.predictions[answer], said[answer], atol=1e-4)


def test_a_file_that_answers_unlike_its_features_finishes_no_training(tiny_b, few, kept, tmp_path, monkeypatch):
    config, weights = heads_on_features(tiny_b[0]), tiny_b[1]
    monkeypatch.setattr(
        sys.modules[train.__module__], "predict_from_features", lambda *given: predict_from_features(*given) + 0.02
    )
    with pytest.raises(RuntimeError, match=r"model\.keras does not predict as the features did"):
        train(config, few, weights, runs=tmp_path, name="unlike")
    assert not (tmp_path / "unlike" / "metrics.json").exists()


@pytest.fixture
def in_two_stages(tiny_b, monkeypatch):
    """The tiny backbone, in two stages of a convolution each."""
    backbone = replace(BACKBONES["tiny"], stages=(("lower", "relu1"), ("upper", "relu2")))
    monkeypatch.setitem(BACKBONES, "tiny", backbone)
    return tiny_b


def test_an_update_is_as_large_as_its_layer_s_rate(in_two_stages):
    config = replace(in_two_stages[0], optimizer="adamw", weight_decay=0.5, ema_momentum=None)
    network = build_network(config, in_two_stages[1])
    graph, stage = training_graph(network, config), Stage(2, 0.01, warmup_epochs=0, layer_decay=0.1)
    set_trainable(network, "all")
    compile_for(graph, config, stage, 10, layer_rates(network, stage.layer_decay))
    for variable in graph.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    graph.optimizer.apply([keras.ops.ones_like(v) for v in graph.trainable_variables])
    # Adam's first step is the rate, whatever the gradient; the decay comes on top of it
    for name, rate in (("conv1", 0.01), ("conv2", 0.1), ("age_dense", 1.0)):
        layer = next(layer for layer in network._flatten_layers() if layer.name == name)
        moved = 1 - np.asarray(keras.ops.convert_to_numpy(layer.kernel))
        assert moved == pytest.approx(0.015 * rate, rel=2e-2), name
        assert 1 - np.asarray(keras.ops.convert_to_numpy(layer.bias)) == pytest.approx(0.01 * rate, rel=2e-2)


def pages_of(path):
    """How much of a mapped file this process holds in memory, in bytes."""
    return 1024 * int(Path("/proc/self/smaps").read_text().split(str(path))[1].split("Rss:")[1].split()[0])


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="asks Linux which pages of a file a process holds")
@pytest.mark.parametrize("training", [True, False])
def test_faces_that_were_read_are_not_kept_in_memory(training, tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.ones((200, 128, 128, 3), "uint8"))
    images = np.load(path, mmap_mode="r")
    assert images[:100].all() and pages_of(path) > 4e6
    if training:
        batches = Batches(images, np.arange(200), {"age": np.arange(200)}, 20, seed=1)
        assert all(batches[number][0].all() for number in range(len(batches)))
    else:
        assert in_batches(lambda batch: [batch[:, 0, 0, 0]], images, 20)[0].all()
    assert pages_of(path) < 1e6


def test_fewer_faces_train_and_the_same_validate(drawn):
    split = split_faces(drawn.table, seed=1, validation_size=150)
    subsets = {}
    for count in (20, 100, 450):
        fewer = subsample_training(drawn.table, split, count, seed=1)
        assert (fewer == "train").sum() == count and (fewer == "unused").sum() == 450 - count
        assert ((fewer == "validation") == (split == "validation")).all()
        subsets[count] = set(drawn.table["file"][fewer == "train"])
    assert subsets[20] < subsets[100] < subsets[450]
    # neither the order of the rows nor the youngest first: names begin with the age
    assert len({file.split("_")[0] for file in subsets[20]}) > 5
    order = np.random.default_rng(0).permutation(len(drawn.table))
    shuffled = subsample_training(drawn.table.iloc[order], split.iloc[order], 20, seed=1)
    assert set(drawn.table["file"][shuffled[shuffled == "train"].index]) == subsets[20]
    other = subsample_training(drawn.table, split, 20, seed=2)
    assert set(drawn.table["file"][other == "train"]) != subsets[20]
    for count in (0, 451):
        with pytest.raises(InputError, match=f"{count} training faces are asked for, but there are 450"):
            subsample_training(drawn.table, split, count)


def test_a_training_on_fewer_faces_sees_no_others(few, tmp_path, monkeypatch):
    config = tiny(train_size=16, stages=[dict(epochs=1, learning_rate=0.01)], test_time_augmentation=False)
    seen = set()
    watch(monkeypatch, Batches, "__getitem__", lambda self, _: seen.update(self.rows if self.seed is not None else ()))
    run = read_run(train(config, few, runs=tmp_path, name="run"))
    assert run.predictions["split"].value_counts().to_dict() == {"unused": 24, "validation": 20, "train": 16}
    assert seen == set(run.predictions.index[run.predictions["split"] == "train"])
    assert run.metrics["train"]["images"] == 16

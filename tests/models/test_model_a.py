"""ModelA's choices build what they say, and the optimizer that treats kernels apart does what it says."""

import keras
import numpy as np
import pytest
from keras import layers
from made_runs import tiny

from agegender_lib.models import build_model_a
from agegender_lib.training import build_network
from agegender_lib.training.network import compile_for, training_graph
from agegender_lib.training.optimizers import KernelMuon

SMALL = dict(widths=(8, 16), stem=8, image_size=128)
ORIGINAL = dict(variant="original", filters=(2, 3), dense=6, features="global")


def scaled(choice, images):
    model = build_model_a(**SMALL, input_scaling=choice)
    return np.asarray(keras.Model(model.input, model.get_layer("shared_stem_conv").input)(images))


def test_the_input_is_scaled_as_asked(faces):
    assert scaled("none", faces) == pytest.approx(faces, abs=1e-7)
    assert scaled("fixed", faces) == pytest.approx(4 * faces - 2, abs=1e-5)
    each = scaled("image", faces)
    mean = faces.mean(axis=(1, 2, 3), keepdims=True)
    spread = np.sqrt(faces.var(axis=(1, 2, 3), keepdims=True) + 1e-3)
    assert each == pytest.approx((faces - mean) / spread, abs=1e-4)
    assert np.abs(each.mean(axis=(1, 2, 3))).max() < 1e-4
    # the small number that keeps a black image finite costs a few per cent of the variance
    assert each.std(axis=(1, 2, 3)) == pytest.approx(1, abs=0.05)
    assert np.isfinite(scaled("image", np.zeros((1, 128, 128, 3), "float32"))).all()
    for choice in ("none", "fixed", "image"):
        names = [layer.name for layer in build_model_a(**SMALL, input_scaling=choice).layers]
        assert names.count("shared_input_scale") == (choice != "none")


@pytest.mark.parametrize("choices", [SMALL, ORIGINAL, {**ORIGINAL, "split_after": 1}])
def test_the_model_resizes_its_input_itself(choices, faces):
    whole, small = (build_model_a(**{**choices, "image_size": 128}), build_model_a(**{**choices, "image_size": 64}))
    assert not any(isinstance(layer, layers.Resizing) for layer in whole.layers)
    for model in (whole, small):
        assert model.input_shape == (None, 128, 128, 3) and model.inputs[0].dtype == "float32"
        assert model.output_names == ["gender_output", "age_output"]
        assert [np.asarray(output).shape for output in model(faces)] == [(len(faces), 1)] * 2
    assert small.count_params() == whole.count_params()
    resize = keras.Model(small.input, small.get_layer("shared_input_resize").output)
    resized = np.asarray(resize(faces, training=False))
    assert resized.shape == (len(faces), 64, 64, 3)
    # bilinear: at half the side, without antialiasing, the mean of the four pixels in the middle of each 2 x 2
    means = faces.reshape(len(faces), 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert resized == pytest.approx(means, abs=1e-5)


def muon(**settings):
    config = tiny(
        **{
            "architecture": {**SMALL, "age_head": "regression"},
            "optimizer": "muon",
            "stages": [dict(epochs=1, learning_rate=0.01, warmup_epochs=0)],
            "ema_momentum": None,
            "weight_decay": 0.0,
            **settings,
        }
    )
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 1000)
    return graph


def gradients_of(graph, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=v.shape).astype("float32") for v in graph.trainable_variables]


def apply(graph, gradients):
    graph.optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients])


def test_kernels_move_by_a_nearly_orthogonal_matrix():
    graph = muon()
    assert type(graph.optimizer) is KernelMuon
    before = [np.array(v) for v in graph.trainable_variables]
    given = gradients_of(graph, 0)
    apply(graph, given)
    found = 0
    for variable, start, gradient in zip(graph.trainable_variables, before, given, strict=True):
        if len(variable.shape) != 4:
            continue
        found += 1
        step = (start - np.asarray(variable)).reshape(-1, variable.shape[-1]) / 0.01
        # 0.2 sqrt(longer side) times a matrix whose singular values are about 1
        values = np.linalg.svd(step, compute_uv=False) / (0.2 * np.sqrt(max(step.shape)))
        assert values.min() > 0.6 and values.max() < 1.3, variable.path
        # those of the gradient itself are far apart
        matrix = gradient.reshape(step.shape)
        own = np.linalg.svd(matrix, compute_uv=False)
        # and the direction is that of the nearest orthogonal matrix, u v
        u, _, v = np.linalg.svd(matrix, full_matrices=False)
        nearest = (u @ v).ravel()
        assert step.ravel() @ nearest / np.linalg.norm(step) / np.linalg.norm(nearest) > 0.95, variable.path
        assert own.max() / own.min() > 1.1
    assert found == 6


def test_everything_else_moves_as_with_adamw():
    settings = dict(weight_decay=0.3)
    one, other = muon(**settings), muon(**settings, optimizer="adamw")
    for v, same in zip(one.trainable_variables, other.trainable_variables, strict=True):
        same.assign(v)
    for step in range(3):
        for graph in (one, other):
            apply(graph, gradients_of(graph, step))
    kinds = set()
    for v, w in zip(one.trainable_variables, other.trainable_variables, strict=True):
        assert v.path == w.path
        if len(v.shape) == 4:
            assert np.abs(np.asarray(v) - np.asarray(w)).max() > 1e-3, v.path
        else:
            kinds.add(v.name)
            assert np.array_equal(v, w), v.path
    assert kinds == {"kernel", "bias", "gamma", "beta"}

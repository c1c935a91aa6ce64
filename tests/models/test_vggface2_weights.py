"""The download of face weights, from a server on this machine with made-up numbers for the same network."""

import hashlib
import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_tools import norms
from served import served

from agegender_lib import folders
from agegender_lib.models import build_model_b, vggface2_weights
from agegender_lib.models.backbones import build_backbone

MANIFEST, NUMBERS = vggface2_weights.FILES
WIDTHS = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
HALVING = (2, 4, 6, 12)  # separable convolutions with stride 2


@pytest.fixture
def tensors():
    """Random numbers under the names, in the shapes and in the order of the public file."""
    rng = np.random.default_rng(0)

    def normal(*shape, scale=1.0):
        return rng.normal(0, scale, shape).astype("float32")

    found = {"age_pred/kernel": normal(256, 100), "age_pred/bias": normal(100)}
    found["conv1/convolution/merged_input"] = normal(3, 3, 3, 32, scale=0.005)  # on pixels up to 255
    found["conv1_bn/batchnorm_1/sub"] = normal(32) + 0.5
    found["conv1_relu/Cast"] = np.float32(6)
    for k, (before, width) in enumerate(itertools.pairwise(WIDTHS), start=1):
        found[f"conv_dw_{k}/depthwise_kernel"] = normal(3, 3, before, 1, scale=0.4)
        found[f"conv_dw_{k}_bn/batchnorm_1/mul"] = rng.uniform(0.3, 1.5, before).astype("float32")
        found[f"conv_dw_{k}_bn/batchnorm_1/sub"] = normal(before, scale=0.5) + 0.3
        found[f"conv_pw_{k}/convolution/merged_input"] = normal(1, 1, before, width, scale=before**-0.5)
        found[f"conv_pw_{k}_bn/batchnorm_1/sub"] = normal(width, scale=0.5) + 0.3
        found[f"conv_pw_{k}_relu/axes"] = np.array([1, 2], "int32")
    return found


def reference(tensors, image):
    """The network as TensorFlow.js computes it, on centred blue, green and red."""

    def shift(x, layer):
        return tf.minimum(tf.nn.relu(x + tensors[f"{layer}_bn/batchnorm_1/sub"]), 6.0)

    x = shift(tf.nn.conv2d(image, tensors["conv1/convolution/merged_input"], 2, "SAME"), "conv1")
    for k in range(1, 14):
        stride = [1, 2, 2, 1] if k in HALVING else [1, 1, 1, 1]
        x = tf.nn.depthwise_conv2d(x, tensors[f"conv_dw_{k}/depthwise_kernel"], stride, "SAME")
        x = shift(x * tensors[f"conv_dw_{k}_bn/batchnorm_1/mul"], f"conv_dw_{k}")
        x = tf.nn.conv2d(x, tensors[f"conv_pw_{k}/convolution/merged_input"], 1, "SAME")
        x = shift(x, f"conv_pw_{k}")
    return x.numpy()


@pytest.fixture
def online(tensors, tmp_path, monkeypatch):
    """The folder in which these tensors are online, announced as they are."""
    folder = tmp_path / "online"
    folder.mkdir()
    entries = [{"name": n, "shape": list(t.shape), "dtype": str(t.dtype)} for n, t in tensors.items()]
    (folder / MANIFEST).write_text(json.dumps({"weightsManifest": [{"paths": [NUMBERS], "weights": entries}]}))
    (folder / NUMBERS).write_bytes(b"".join(array.tobytes() for array in tensors.values()))
    for name in (MANIFEST, NUMBERS):
        monkeypatch.setitem(vggface2_weights.FILES, name, hashlib.sha256((folder / name).read_bytes()).hexdigest())
    monkeypatch.setattr(folders, "CACHE", tmp_path / "cache")
    with served(folder) as address:
        monkeypatch.setenv(vggface2_weights.ADDRESS_VARIABLE, f"{address}/")
        yield folder


@pytest.mark.filterwarnings("error", "ignore::pytest.PytestUnraisableExceptionWarning")  # other tests' sockets
def test_the_downloaded_network_computes_what_the_public_one_does(online, tensors, drawn):
    model = build_model_b("mobilenet_vggface2", "pretrained")
    assert model.weights_origin == vggface2_weights.ORIGIN
    pixels = drawn.images[:3].astype("float32")
    centred = pixels[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32")
    wanted = reference(tensors, centred)
    assert wanted.shape == (3, 4, 4, 1024) and wanted.std() > 0.1
    base = model.get_layer("shared_mobilenet_vggface2")
    features = keras.Model(model.input, model.get_layer("shared_pool_average").input)
    assert np.asarray(features(pixels / 255)) == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    # scales are the file's own numbers, not ones that epsilon has gone through
    for layer in norms(base):
        scale = tensors.get(f"{layer.name}/batchnorm_1/mul", 1)
        assert np.array_equal(np.asarray(layer.gamma), np.broadcast_to(scale, layer.gamma.shape))
        assert not np.asarray(layer.moving_mean).any()
        assert np.asarray(layer.moving_variance) + layer.epsilon == pytest.approx(1, abs=1e-7)
        assert not layer.trainable  # and they stay as they are in a training
    # the second time nothing is fetched
    for name in (MANIFEST, NUMBERS):
        (online / name).unlink()
    assert build_backbone("mobilenet_vggface2")[1] == vggface2_weights.ORIGIN

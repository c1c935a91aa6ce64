"""What the published models and this library say on JAX, one device or two, is what they say on TensorFlow."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops
from made_runs import TINY, tiny
from matplotlib import cbook
from PIL import Image

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.inference import grad_cams
from agegender_lib.models import add_test_time_augmentation, build_model_a
from agegender_lib.models.backend import data_parallel, gradients, processor
from agegender_lib.photos.detector import FaceDetector
from agegender_lib.training.gradients import gradient_conflict

ANSWERS = """
import sys
sys.path[:0] = sys.argv[2:]
import test_backend
test_backend.answer_all(sys.argv[1])
"""
# two devices on one processor; compiling well would take longer than computing
FLAGS = (
    "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true"
)
PUBLISHED = [f"age_gender_{name}" for name in "ABF"]


def answers(faces):
    """What plain Keras says of faces with each published model, and this library with a small network."""
    found = {}
    for name in PUBLISHED:
        model = keras.saving.load_model(folders.MODELS / f"{name}.keras", compile=False)
        found[name] = np.concatenate(model.predict(faces.astype("float32") / 255, batch_size=32, verbose=0), axis=1)
    network, rng = small_network(), np.random.default_rng(0)
    for (_, task), maps in grad_cams({"small": add_test_time_augmentation(network)}, faces[:2]).items():
        found[f"Grad-CAM {task}"] = maps
    wanted = {name: rng.normal(size=(4, 1)).astype("float32") for name in ("age_output", "gender_output")}
    losses = [lambda w, s, n=name: ops.mean((s[n] - w[n]) ** 2) for name in wanted]
    by_name = keras.Model(network.input, dict(zip(network.output_names, network.outputs, strict=True)))
    conflict = gradient_conflict(by_name, *losses, [(faces[:4], wanted), (faces[4:], wanted)])()
    found["conflict"] = np.array(list(conflict.values()))
    portrait = Image.open(cbook.get_sample_data("grace_hopper.jpg")).convert("RGB").resize((48, 56))
    seen = FaceDetector().find(np.asarray(portrait))
    return found | {"boxes": seen.boxes, "landmarks": seen.landmarks}


def small_network():
    """One whose weights do not come from a backend's random numbers."""
    network = build_model_a("original", filters=(4, 4), dense=8, image_size=32, split_after=2)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            layer.set_weights([rng.normal(0, 0.3, weight.shape) for weight in layer.get_weights()])
    return network


def two_devices(few_source, folder):
    """The same training on one device and on two: its history, and what it says of all faces."""
    from agegender_lib.data import load_faces
    from agegender_lib.runs import read_run
    from agegender_lib.training import train

    faces = load_faces(*few_source)
    for devices in (1, 2):
        config = tiny(
            architecture={**TINY["architecture"], "image_size": 32},
            stages=[dict(epochs=1, learning_rate=0.01, warmup_epochs=0)],
            ema_momentum=0.5,
            test_time_augmentation=False,
            devices=devices,
        )
        run = read_run(train(config, faces, runs=folder / "runs"))
        run.history.drop(columns="seconds").to_csv(folder / f"history_{devices}.csv", index=False)
        run.predictions.to_csv(folder / f"predictions_{devices}.csv", index=False)


def answer_all(folder):
    from pathlib import Path

    assert keras.backend.backend() == "jax" and processor() == "the processor, by JAX"
    folder = Path(folder)
    np.savez(folder / "answers.npz", **answers(np.load(folder / "faces.npy")))
    two_devices((folder / "few", folder / "cache"), folder)
    with pytest.raises(InputError, match=r"devices is 3, but JAX finds 2 \(cpu:0, cpu:1\)"), data_parallel(3):
        pass


@pytest.fixture(scope="module")
def on_jax(drawn, few_source, tmp_path_factory):
    """The 8 drawn faces asked about, and a folder of what JAX answers, with two devices on one processor."""
    pytest.importorskip("jax", reason="JAX is not installed: python -m pip install jax")
    here = tmp_path_factory.mktemp("answers")
    faces = drawn.images[np.linspace(0, len(drawn) - 1, 8).astype(int)]
    np.save(here / "faces.npy", faces)
    (here / "few").symlink_to(few_source[0])
    flags = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": FLAGS}
    subprocess.run(
        [sys.executable, "-c", ANSWERS, here, folders.ROOT / "tests/models", folders.ROOT / "tests/helpers"],
        env={**os.environ, **flags, "AGEGENDER_WORK": str(here)},
        cwd=folders.ROOT,
        check=True,
    )
    return faces, here


def test_published_models_maps_and_conflicts_are_the_same_on_jax(on_jax):
    faces, folder = on_jax
    there, here = np.load(folder / "answers.npz"), answers(faces)
    assert set(there) == set(here)
    for name, wanted in here.items():
        found = there[name]
        assert found.shape == wanted.shape, name
        if name in PUBLISHED:
            # the faces are different people to the model, or agreement would prove little
            assert (np.ptp(wanted, axis=0) > (0.1, 5)).all()
            assert (np.abs(found - wanted).max(axis=0) <= (1e-4, 1e-3)).all(), name
        else:
            assert np.ptp(wanted) > 0.1
            np.testing.assert_allclose(found, wanted, atol=2e-3 * wanted.max(), err_msg=name)


def test_two_devices_train_as_one_does(on_jax):
    _, folder = on_jax
    for name, tolerance in (("history", 1e-3), ("predictions", 2e-3)):
        one, two = (pd.read_csv(folder / f"{name}_{devices}.csv") for devices in (1, 2))
        assert len(one) == (1 if name == "history" else 60)
        pd.testing.assert_frame_equal(one, two, rtol=tolerance, atol=tolerance)


def test_a_gradient_is_zero_where_nothing_depends():
    at = {"x": ops.convert_to_tensor([1.0, 2.0]), "y": [ops.convert_to_tensor(3.0)]}
    square, other = gradients(lambda v, k: (ops.sum(k * v["x"] ** 2), v["y"][0] * 2), at, 5.0)
    assert [ops.convert_to_numpy(x).tolist() for x in (square["x"], square["y"][0])] == [[10, 20], 0]
    assert [ops.convert_to_numpy(x).tolist() for x in (other["x"], other["y"][0])] == [[0, 0], 2]

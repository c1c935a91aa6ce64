"""A saved model gives the same answers on another backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agegender_lib import folders

ANSWERS = """
import sys

import numpy as np
import keras

assert keras.backend.backend() == sys.argv[1]
faces = np.load(sys.argv[2]).astype("float32") / 255
for path in sys.argv[4:]:
    model = keras.saving.load_model(path, compile=False)
    gender, age = model.predict(faces, batch_size=32, verbose=0)
    name = path.rsplit("_", 1)[1].split(".")[0]
    np.savez(f"{sys.argv[3]}/{name}.npz", gender=gender, age=age)
"""
MODELS = tuple("ABF")


@pytest.fixture(scope="module")
def answered(drawn, tmp_path_factory):
    """Folders of what the published models answer to 64 drawn faces, by backend."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed: python -m pip install jax")
    here = tmp_path_factory.mktemp("answers")
    np.save(here / "faces.npy", drawn.images[np.linspace(0, len(drawn) - 1, 64).astype(int)])
    files = [folders.MODELS / f"age_gender_{name}.keras" for name in MODELS]
    for backend in ("tensorflow", "jax"):
        (here / backend).mkdir()
        subprocess.run(
            [sys.executable, "-c", ANSWERS, backend, here / "faces.npy", here / backend, *files],
            env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
            check=True,
        )
    return here


@pytest.mark.parametrize("name", MODELS)
def test_a_published_model_answers_the_same_on_jax(answered, name):
    tensorflow, jax = (np.load(Path(answered, backend, f"{name}.npz")) for backend in ("tensorflow", "jax"))
    assert tensorflow["age"].shape == jax["age"].shape == (64, 1)
    # the faces are different people to the model, or agreement would prove little
    assert np.ptp(tensorflow["age"]) > 5 and np.ptp(tensorflow["gender"]) > 0.1
    assert np.abs(tensorflow["age"] - jax["age"]).max() <= 1e-3  # years
    assert np.abs(tensorflow["gender"] - jax["gender"]).max() <= 1e-4

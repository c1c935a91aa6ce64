"""A published model gives the same answers on another backend."""

import os
import subprocess
import sys

import numpy as np
import pytest

from agegender_lib import folders
from agegender_lib.models import load_model

ANSWERS = """
import sys
import keras, numpy as np
assert keras.backend.backend() == "jax"
faces = np.load(sys.argv[1]).astype("float32") / 255
for name in "ABF":
    model = keras.saving.load_model(f"{sys.argv[2]}/age_gender_{name}.keras", compile=False)
    np.save(f"{name}.npy", model.predict(faces, batch_size=32, verbose=0))
"""


@pytest.fixture(scope="module")
def on_jax(drawn, tmp_path_factory):
    """A folder of what the published models answer on JAX, and the 24 drawn faces that they were asked about."""
    pytest.importorskip("jax", reason="JAX is not installed: python -m pip install jax")
    here = tmp_path_factory.mktemp("answers")
    faces = drawn.images[np.linspace(0, len(drawn) - 1, 24).astype(int)]
    np.save(here / "faces.npy", faces)
    subprocess.run(
        [sys.executable, "-c", ANSWERS, here / "faces.npy", folders.MODELS],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        cwd=here,
        check=True,
    )
    return here, faces.astype("float32") / 255


@pytest.mark.parametrize("name", "ABF")
def test_a_published_model_answers_the_same_on_jax(on_jax, name):
    folder, faces = on_jax
    wanted = load_model(folders.MODELS / f"age_gender_{name}.keras").predict(faces, verbose=0)
    for found, here, spread, tolerance in zip(
        np.load(folder / f"{name}.npy"), wanted, (0.1, 5), (1e-4, 1e-3), strict=True
    ):
        # the faces are different people to the model, or agreement would prove little
        assert found.shape == (24, 1) and np.ptp(here) > spread
        assert np.abs(found - here).max() <= tolerance

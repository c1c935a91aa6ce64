"""What tests of models share: weights that look trained, and a reader that has nothing but Keras."""

import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers

CONTRACT = ["gender_output", "age_output"]


def norms(model):
    """Every BatchNormalization of a model, those of models inside it included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from norms(layer)
        elif isinstance(layer, layers.BatchNormalization):
            yield layer


def lived_in(model, images, seed=0):
    """Give every weight a value that no new model has, as a training would, and statistics that fit them."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        spread = 0.1 * np.abs(variable).mean() + 0.01
        variable.assign(variable + rng.normal(0, spread, variable.shape))
    for layer in norms(model):
        layer.momentum = 0.0
    model(images, training=True)
    for layer in norms(model):
        layer.momentum = 0.99
    return model


def fit(model, faces, epochs=2):
    """Train a model for a moment, on labels that say nothing of the faces."""
    model.compile("adam", ["binary_crossentropy", "mae"], run_eagerly=True)
    years = np.linspace(1, 90, len(faces))[:, None]
    model.fit(faces, [years > 45, years], batch_size=4, epochs=epochs, verbose=0)


def values(layer):
    """A copy of each weight of a layer or a model."""
    return [np.array(weight) for weight in layer.weights]


def same(one, other):
    """Whether two such lists are equal to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def answers(model, images):
    gender, age = model(images, training=False)
    return np.asarray(gender), np.asarray(age)


def line(model, output):
    """The layers that lead from the input to an output, in order, where each has one input."""
    found = [model.get_layer(output)]
    while not isinstance(found[0], layers.InputLayer):
        found.insert(0, found[0].input._keras_history.operation)
    return found


def kinds(found):
    return [type(layer).__name__ for layer in found]


# What the marker does: plain Keras, a machine without this library, floats in [0, 1].

MARKER = """
    import json, sys

    sys.modules["agegender_lib"] = None  # cannot be imported

    import keras
    import numpy as np

    images = np.load("faces.npy")
    found = {}
    for path, by_predict in json.loads(sys.argv[1]).items():
        model = keras.models.load_model(path, compile=False)
        outputs = model.predict(images, verbose=0) if by_predict else model(images)
        found[path] = {
            "input": [model.input_shape, model.inputs[0].dtype],
            "names": model.output_names,
            "outputs": [np.asarray(output).tolist() for output in outputs],
        }
    json.dump(found, open("found.json", "w"))
"""


def read_elsewhere(folder, faces, files):
    """By file name, what a process without this library makes of the faces.

    `files` says for each whether it answers by ``predict``, which traces a graph, or by a plain call.
    """
    np.save(folder / "faces.npy", faces)
    done = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(MARKER), json.dumps(files)],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


def check_contract(found, expected):
    """What was read elsewhere is the coursework's contract, and what this process says."""
    assert found["input"] == [[None, 128, 128, 3], "float32"]
    assert found["names"] == CONTRACT
    gender, age = map(np.array, found["outputs"])
    assert gender.shape == age.shape == expected[0].shape == (len(gender), 1)
    assert gender == pytest.approx(expected[0], abs=1e-5)
    assert age == pytest.approx(expected[1], abs=1e-3)
    assert gender.min() >= 0 and gender.max() <= 1
    # the models do look at the faces: a constant would agree with anything
    assert np.ptp(gender) > 1e-3 and np.ptp(age) > 1e-2
    # not rescaled: an untrained network still says years, near the middle of its ages
    assert 10 < age.mean() < 100

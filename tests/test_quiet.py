"""Keras is what the library needs, whatever another project has set up on the machine."""

import json
import os
import subprocess
import sys

import pytest
from tiny_faces import FACES, write_folder

BUILT = """
    import json

    import agegender_lib.models as models, keras
    from agegender_lib.photos.detector import FaceDetector

    network = models.build_model_a(widths=[8], stem=8, image_size=32)
    FaceDetector()
    config = keras.config
    print(json.dumps([
        config.image_data_format(), config.floatx(), config.epsilon(), config.max_epochs(),
        list(network.input_shape), network.outputs[0].dtype,
    ]))
"""


def python(code, home, settings, **variables):
    """Another Python, in whose Keras folder somebody left settings."""
    home.mkdir()
    (home / "keras.json").write_text(settings)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    return subprocess.run(
        [sys.executable, *code], env={**kept, "KERAS_HOME": str(home), **variables}, capture_output=True, text=True
    )


def test_networks_are_built_as_if_nothing_were_set_up(tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.01}
    legacy = {"TF_USE_LEGACY_KERAS": "1", "KERAS_MAX_EPOCHS": "1"}
    code = ["-c", "\n".join(line[4:] for line in BUILT.splitlines())]
    done = python(code, tmp_path / "keras", json.dumps(settings), **legacy)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == ["channels_last", "float32", 1e-7, None, [None, 128, 128, 3], "float32"]


@pytest.mark.parametrize(
    ("settings", "variables", "named"),
    [
        ('{"backend": "theano"}', {}, ["theano", "keras.json"]),
        ("{}", {"KERAS_BACKEND": "theano"}, ["KERAS_BACKEND is 'theano'"]),
    ],
)
def test_where_keras_cannot_start_one_sentence_says_what_to_fix(settings, variables, named, tmp_path):
    faces = write_folder(tmp_path / "faces", FACES)
    command = ["-m", "agegender_lib", "train", "model_a", "--data", str(faces), "--runs", str(tmp_path)]
    done = python(command, tmp_path / "keras", settings, AGEGENDER_WORK=str(tmp_path / "work"), **variables)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("agegender: Keras cannot start")]
    assert all(part in sentence for part in named)

"""The same command gives the same tables and figures, and a saved model the same answers on another backend.

That a whole report comes out the same, all its tables and figures, is in test_report_run.py; its trainings are copied
there, and repeated here.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from agegender_lib import folders

# What a training says of the time it took and of the machine; a .keras file holds the date, packed.
TIMES = {"file_bytes", "seconds", "seconds_per_epoch", "answers_per_second", "machine", "commit"}
PROFILE = {
    "rendered_faces": 120,
    "validation": 40,
    "model_a": {
        "stages": [{"epochs": 2, "learning_rate": 0.002, "warmup_epochs": 1}],
        "members": 1,
        "ema_momentum": 0.8,
        "batch_size": 16,
        "builder": {"widths": [8, 16], "stem": 8, "side": 48},
    },
}
# Every kind of figure has its own tables in the report; these have faces, lines, points and bars with intervals.
FIGURES = """
import sys
from pathlib import Path

from agegender_lib import data, evaluation, plots

run, faces, folder = evaluation.read_run(sys.argv[1]), data.open_faces("", 120), Path(sys.argv[2])
drawn = {
    "sample": plots.face_grid(faces.images[:8], [f"{age} y" for age in faces.table["age"][:8]], columns=4),
    "labels": plots.labels_overview(faces.table),
    "curves": plots.learning_curves(run.history, "ModelA"),
    "scatter": plots.true_vs_predicted({"ModelA": run.validation}),
    "bands": plots.errors_per_group({"ModelA": evaluation.errors_by(run.validation, "age_band")}),
    "confusion": plots.confusion_matrices({"ModelA": evaluation.confusion(run.validation)}),
}
for name, figure in drawn.items():
    plots.save_figure(figure, name, folder / "figures", rendered=faces.rendered)
evaluation.summarise(run.validation).to_csv(folder / "metrics.csv")
evaluation.gaps(run.validation).to_csv(folder / "gaps.csv")
"""


def python(*words, home=None, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **({"AGEGENDER_WORK": str(home)} if home else {}), **environment},
        cwd=folders.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Two folders in which the same was trained and drawn, in other processes and with other hashes of strings."""
    found = []
    for hashes in ("1", "77"):
        home = tmp_path_factory.mktemp("home")
        profile = home / "profile.yaml"
        profile.write_text(yaml.safe_dump(PROFILE))
        words = ["-m", "agegender_lib", "train", "model_a", "--profile", profile, "--name", "run"]
        said = python(*words, "--runs", home / "runs", home=home, PYTHONHASHSEED=hashes)
        # the bar of a training says how long it took
        lines = [
            line.replace(str(home), "home") for line in said.splitlines() if not line.startswith("epoch ")
        ]
        (home / "said.txt").write_text("\n".join(lines))
        python("-c", FIGURES, home / "runs" / "run", home, home=home, PYTHONHASHSEED=hashes)
        found.append(home)
    return found


def without_times(file):
    """What is in a file of a run folder, but for the time it took."""
    if file.suffix == ".json":
        content = json.loads(file.read_text())
        assert isinstance(content, dict)
        return {key: value for key, value in content.items() if key not in TIMES}
    if file.suffix == ".csv":
        return pd.read_csv(file, dtype=str).drop(columns="seconds", errors="ignore").to_csv()
    if file.suffix == ".h5":
        found = {}
        with h5py.File(file) as weights:
            weights.visititems(
                lambda name, item: (
                    found.update({name: hashlib.sha256(item[()].tobytes()).hexdigest()})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
        return found
    return None


def test_the_same_training_gives_the_same_weights_predictions_and_metrics(twice):
    first, second = (home / "runs" / "run" for home in twice)
    files = sorted(path.name for path in first.iterdir())
    assert files == sorted(path.name for path in second.iterdir())
    assert {"config.json", "history.csv", "metrics.json", "model.h5", "predictions.csv"} <= set(files)
    for name in files:
        if name != "model.keras":  # an archive, which holds the time; its weights are those of model.h5
            assert without_times(first / name) == without_times(second / name), name
    assert len(without_times(first / "model.h5")) > 20
    assert (first / "predictions.csv").read_bytes() == (second / "predictions.csv").read_bytes()
    assert (twice[0] / "said.txt").read_text() == (twice[1] / "said.txt").read_text()


def test_the_same_drawn_faces_and_cache(twice):
    entries = [next((home / "cache").glob("rendered-120-*")) for home in twice]
    assert entries[0].name == entries[1].name
    for name in ("images.npy", "table.csv", "meta.json"):
        assert (entries[0] / name).read_bytes() == (entries[1] / name).read_bytes(), name


def test_the_same_figures_and_tables_to_the_byte(twice):
    def hashes(home):
        files = [*(home / "figures").iterdir(), home / "metrics.csv", home / "gaps.csv"]
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    first, second = map(hashes, twice)
    assert first == second and len(first) == 2 * 6 + 2
    assert len(set(first.values())) == len(first)
    for figure in (twice[0] / "figures").glob("*.svg"):
        assert "dc:date" not in figure.read_text(), figure


# Other backends

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
        python(
            "-c", ANSWERS, backend, here / "faces.npy", here / backend, *files,
            KERAS_BACKEND=backend, JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="2",
        )  # fmt: skip
    return here


@pytest.mark.parametrize("name", MODELS)
def test_a_published_model_answers_the_same_on_jax(answered, name):
    tensorflow, jax = (np.load(Path(answered, backend, f"{name}.npz")) for backend in ("tensorflow", "jax"))
    assert tensorflow["age"].shape == jax["age"].shape == (64, 1)
    # the faces are different people to the model, or agreement would prove little
    assert np.ptp(tensorflow["age"]) > 5 and np.ptp(tensorflow["gender"]) > 0.1
    assert np.abs(tensorflow["age"] - jax["age"]).max() <= 1e-3  # years
    assert np.abs(tensorflow["gender"] - jax["gender"]).max() <= 1e-4

"""Examples do what they say: those of docstrings in the rooms without Keras, and the README's Python."""

import doctest
import importlib
import pkgutil
import re

import numpy as np
from made_runs import TINY

import agegender_lib
from agegender_lib import folders

ROOMS = ("data", "runs", "evaluation", "plots")


def test_examples():
    prefixes = tuple(f"agegender_lib.{room}." for room in ROOMS)
    names = [found.name for found in pkgutil.walk_packages(agegender_lib.__path__, "agegender_lib.")]
    counts = [doctest.testmod(importlib.import_module(name)) for name in names if name.startswith(prefixes)]
    assert sum(count.failed for count in counts) == 0 and sum(count.attempted for count in counts) >= 40


def readme_python():
    return re.findall("^```python\n(.*?)^```", (folders.ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def replaced(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


def test_the_readme_s_lines_train_and_evaluate(few_source, tmp_path, capsys):
    source, cache = map(str, few_source)
    lines = replaced(readme_python()[0], 'load_dataset("train_val.tar")', f"load_dataset({source!r}, cache={cache!r})")
    lines = replaced(lines, 'stages=[{"epochs": 3, "learning_rate": 0.002}]', "**settings")
    lines = replaced(lines, "train(config, faces)", "train(config, faces, runs=runs)")
    exec(lines, names := {"settings": {**TINY, "validation_size": 20}, "runs": tmp_path})
    assert len(names["faces"].table) == 60 and len(names["run"].validation) == 20
    assert (tmp_path / names["run"].name / "model.keras").is_file()
    printed = capsys.readouterr().out.partition("metric")[2]  # after the epochs
    error = (names["run"].validation["age_predicted"] - names["run"].validation["age"]).abs().mean()
    assert (
        all(word in printed for word in ("age_mae", "gender_accuracy", "low", "high"))
        and f"{error:.3f}"[:-1] in printed
    )


def test_the_readme_s_lines_predict_with_a_published_model(few, monkeypatch):
    monkeypatch.chdir(folders.ROOT)
    faces = few.images[:4].astype("float32") / 255
    exec(readme_python()[1], names := {"faces": faces})
    assert len(readme_python()) == 2 and names["p_female"].shape == names["age"].shape == (4, 1)
    assert ((names["p_female"] >= 0) & (names["p_female"] <= 1)).all()
    assert ((names["age"] > 1) & (names["age"] < 116)).all() and np.ptp(names["age"]) > 0

"""Trainings kept as tables: everything comes back as it was, the same trainings are the same bytes, damage is told."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from agegender_lib.errors import InputError
from agegender_lib.files import write_csv, write_json
from agegender_lib.runs import read_run
from agegender_lib.runs.kept import HISTORIES, PREDICTIONS, RUNS, find_kept, keep_runs, read_kept
from agegender_lib.runs.tables import HISTORY_COLUMNS

# texts that would be read as something else, and numbers that are not to change their kind
SETTINGS = {
    "fold": "1/5", "commit": "12e5", "text": "", "quoted": '"x"', "none": None, "yes": True, "word": "true",
    "whole": 1000, "float": 1000.0, "tiny": 0.1 + 0.2, "stages": [{"epochs": 8}], "augmentation": {},
    "architecture": {"image_size": [48, 64], "name": "a,b\nc"},
}  # fmt: skip


def run_folder(folder, layers=(), **settings):
    """A finished run folder of two epochs and four faces, two of them held out."""
    rng = np.random.default_rng(len(layers))
    write_json(folder / "config.json", {"training": {**SETTINGS, **settings}, "weights": "none"})
    write_json(folder / "provenance.json", {"data": {"rendered": True}})
    write_json(folder / "metrics.json", {"validation": {"age_mae": 1 / 3}, "epochs": 2})
    history = pd.DataFrame(rng.random((2, len(HISTORY_COLUMNS))), columns=list(HISTORY_COLUMNS))
    history = history.assign(epoch=[1, 2], stage=1, val_loss=np.nan, **{f"at:{layer}": 0.5 for layer in layers})
    write_csv(folder / "history.csv", history)
    predictions = pd.DataFrame({"file": ["10.jpg", "1a.jpg", "B.jpg", "a.jpg"], "split": ["train", "validation"] * 2})
    predictions = predictions.assign(age=30, gender=[0, 0, 1, 1], race=2, duplicate_group=[-1, 3, -1, 3])
    predictions = predictions.assign(age_predicted=rng.random(4), p_female=rng.random(4))
    write_csv(folder / "predictions.csv", predictions, float_format="%.5f")
    return folder


@pytest.fixture
def trainings(tmp_path):
    """Three trainings; the layers that two of them compared are in the order of their networks."""
    made = {"m-1": {}, "m-2": {"layers": ("block2", "block10"), "seed": 2}, "m-3": {"layers": ("dense",)}}
    return {name: run_folder(tmp_path / "runs" / name, **how) for name, how in made.items()}


def test_what_is_kept_comes_back_as_it_was(trainings, tmp_path):
    keep_runs(trainings, tmp_path / "kept" / "s")
    kept = read_kept(tmp_path / "kept" / "s", ["m-3", "m-1", "m-2"])
    assert list(kept) == ["m-3", "m-1", "m-2"]
    for name, run in kept.items():
        before = read_run(trainings[name])
        for part in ("config", "provenance", "metrics"):
            # as text, because 1000 and 1000.0 are equal
            one, other = (json.dumps(getattr(each, part), sort_keys=True) for each in (run, before))
            assert one == other
        pd.testing.assert_frame_equal(run.history, before.history)
        pd.testing.assert_frame_equal(run.predictions, before.validation)
    assert find_kept(tmp_path / "kept") == dict.fromkeys(trainings, tmp_path / "kept" / "s")
    assert find_kept(tmp_path / "nowhere") == {}


def test_the_same_trainings_are_the_same_bytes_wherever_they_are_found(trainings, tmp_path):
    keep_runs(trainings, tmp_path / "a")
    keep_runs({name: tmp_path / "a" for name in reversed(trainings)}, tmp_path / "b")
    keep_runs({**trainings, "m-2": tmp_path / "b"}, tmp_path / "c")
    keep_runs({"m-1": tmp_path / "a"}, tmp_path / "d")
    keep_runs({"m-1": trainings["m-1"]}, tmp_path / "e")
    for one, other in ("ab", "ac", "de"):
        for file in (RUNS, HISTORIES, PREDICTIONS):
            assert (tmp_path / one / file).read_bytes() == (tmp_path / other / file).read_bytes()
    # neither a name nor a time stands in the packed file
    assert (tmp_path / "a" / PREDICTIONS).read_bytes()[3:8] == bytes(5)


def test_damaged_tables_are_told_by_name(trainings, tmp_path):
    def damaged(file, content):
        keep_runs(trainings, tmp_path / "s")
        (tmp_path / "s" / file).write_bytes(content)
        with pytest.raises(InputError) as error:
            read_kept(tmp_path / "s", trainings)
        return str(error.value)

    keep_runs(trainings, tmp_path / "s")
    whole = {file: (tmp_path / "s" / file).read_bytes() for file in (RUNS, HISTORIES, PREDICTIONS)}
    assert PREDICTIONS in damaged(PREDICTIONS, whole[PREDICTIONS][:-20])
    assert "p_female" in damaged(PREDICTIONS, gzip.compress(b"run,file\nm-1,a\n"))
    assert "m-3" in damaged(HISTORIES, whole[HISTORIES].replace(b"m-3", b"m-4"))
    assert "m-2" in damaged(RUNS, whole[RUNS].replace(b"m-2", b"m-5"))
    assert RUNS in damaged(RUNS, b"")
    with pytest.raises(InputError, match="m-9"):
        keep_runs(trainings, tmp_path / "s")
        read_kept(tmp_path / "s", ["m-9"])

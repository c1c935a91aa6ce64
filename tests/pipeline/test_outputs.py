"""What one chapter leaves for the next."""

import json

import numpy as np
import pandas as pd
import pytest

from agegender_lib import folders
from agegender_lib.data.faceset import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.pipeline.outputs import Outputs


@pytest.fixture
def few():
    images = np.zeros((0, 128, 128, 3), "uint8")
    return FaceSet(pd.DataFrame(), images, pd.DataFrame(), "0123", "drawn", rendered=True)


@pytest.fixture
def runs(few, tmp_path, monkeypatch):
    """Two finished run folders of the faces, where runs are looked for."""
    monkeypatch.setattr(folders, "RUNS", tmp_path / "runs")
    made = {"ModelA": tmp_path / "runs" / "model_a-1", "ModelB": tmp_path / "runs" / "model_b-2"}
    for folder in made.values():
        folder.mkdir(parents=True)
        data = {"name": "drawn", "fingerprint": few.fingerprint}
        (folder / "config.json").write_text(json.dumps({"data": data}))
        (folder / "metrics.json").write_text("{}")
    return made


def test_later_chapters_get_the_runs_that_were_compared(few, runs, tmp_path):
    Outputs(tmp_path / "report", few).keep_compared(runs)
    assert Outputs(tmp_path / "report", few).compared() == runs


def test_runs_that_are_not_there_or_of_other_faces_are_refused(few, runs, tmp_path):
    out = Outputs(tmp_path / "report", few)
    with pytest.raises(InputError, match=r"no models have been compared.*04_comparison"):
        out.compared()
    out.keep_compared(runs)
    (runs["ModelA"] / "config.json").write_text('{"data": {"name": "other", "fingerprint": "f"}}')
    with pytest.raises(InputError, match=r"model_a-1 was trained on other faces \(other\).*04_comparison"):
        out.compared()
    (runs["ModelA"] / "metrics.json").unlink()
    with pytest.raises(InputError, match=r"model_a-1 holds no finished training.*04_comparison"):
        out.compared()

"""What one chapter leaves for the next, and that a report is made of chapters that belong together."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from explorer_tools import faces_of, predictions_of, write_run

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline import cli
from agegender_lib.reporting import made_from
from agegender_lib.reporting.made_from import PROFILE, check_one_report, parameters_used, record
from agegender_lib.reporting.profiles import read_profile
from agegender_lib.reporting.report_folder import ReportFolder


@pytest.fixture
def faces():
    return faces_of(synthetic=True)


@pytest.fixture
def runs(faces, tmp_path, monkeypatch):
    """A finished run folder of each model, where runs are looked for."""
    monkeypatch.setattr(folders, "RUNS", tmp_path / "runs")
    names = {"ModelA": "model_a", "ModelB": "model_b", "ModelF": "model_f"}
    return {name: write_run(folders.RUNS / f"{m}-1", faces, model=m) for name, m in names.items()}


@pytest.fixture
def notebook(monkeypatch, faces, tmp_path):
    """Runs a chapter's first cells with these values of its parameters; returns its outputs."""

    def run(chapter, faces=faces, **parameters):
        shell = SimpleNamespace(user_ns=parameters)
        monkeypatch.setattr(made_from, "get_ipython", lambda: shell)
        return ReportFolder(tmp_path / "report", faces, chapter)

    return run


def train(out, runs, *models):
    for model in models:
        out.save_run(runs[model], runs[model].name, "unused")


def test_later_chapters_get_the_runs_that_were_trained(notebook, runs):
    out = notebook("04_comparison")
    with pytest.raises(InputError, match=r"ModelA, ModelB, ModelF yet: execute 02_model_a and 03_pretrained with"):
        out.runs()
    train(notebook("02_model_a"), runs, "ModelA")
    train(notebook("03_pretrained"), runs, "ModelB")
    with pytest.raises(InputError, match="no training of ModelF yet: execute 03_pretrained with the same data"):
        out.runs()
    train(notebook("03_pretrained"), runs, "ModelB", "ModelF")
    assert out.runs() == notebook("07_trust").runs() == runs


def test_runs_that_are_not_there_or_of_other_faces_are_refused(notebook, runs, faces, tmp_path):
    train(notebook("02_model_a"), runs, "ModelA")
    train(notebook("03_pretrained"), runs, "ModelB", "ModelF")
    with pytest.raises(InputError, match=r"model_a-1 was trained on other faces \(made\).*02_model_a"):
        notebook("04_comparison", faces_of(fingerprint="e" * 64)).runs()
    shutil.rmtree(runs["ModelF"])
    with pytest.raises(InputError, match=r"model_f-1 holds no finished training: execute 03_pretrained"):
        notebook("04_comparison").runs()
    # nor is such a run kept in the first place
    with pytest.raises(InputError, match="was trained on other faces"):
        train(notebook("02_model_a", faces_of(fingerprint="e" * 64)), runs, "ModelA")


@pytest.fixture
def whole(notebook, runs, faces, tmp_path):
    """The results of a report whose notebooks belong together."""
    results = tmp_path / "report" / "results"
    profile = tmp_path / "mine.yaml"
    profile.write_text("weights: /somewhere/b.weights.h5")
    record(results, PROFILE, "quick", parameters_used(read_profile(profile)), {})
    first = notebook("01_exploration", synthetic_faces=1200, validation_size=0.2, split_seed=1)
    first.record_split(faces.table["file"][::3])
    train(notebook("02_model_a", synthetic_faces=1200, profile=str(profile), model_a={}), runs, "ModelA")
    # what is empty is the profile's
    mine = {"profile": str(profile), "model_b": {}, "model_f": {}, "weights": "", "weights_f": ""}
    train(notebook("03_pretrained", synthetic_faces=1200, **mine), runs, "ModelB", "ModelF")
    notebook("05_ablations", synthetic_faces=1200, weights_f="")
    notebook("07_trust", synthetic_faces=1200, saliency_faces=30, data="elsewhere.tar", output="here")
    check_one_report(results)
    return results


def test_no_place_of_anybody_s_is_on_record(whole):
    text = (whole / "made_from.json").read_text()
    assert "somewhere" not in text and "b.weights.h5" in text and "elsewhere" not in text


def test_a_repeated_report_is_still_made_from_its_faces(whole):
    before = json.loads((whole / "made_from.json").read_text())["made_from"]
    record(whole, PROFILE, "quick", {}, {})  # all notebooks are up to date, and none is recorded again
    assert before == json.loads((whole / "made_from.json").read_text())["made_from"] != "quick"


ODD = {
    "faces": lambda notebook, runs: notebook("06_groups", faces_of(fingerprint="e" * 64)),
    "split": lambda notebook, runs: notebook("01_exploration").record_split(["another.jpg"]),
    "synthetic_faces": lambda notebook, runs: notebook("01_exploration", synthetic_faces=60),
    "validation_size": lambda notebook, runs: notebook("02_model_a", profile="coursework", model_a={}),
    "ema_momentum": lambda notebook, runs: notebook("02_model_a", profile="quick", model_a={"ema_momentum": 0.5}),
    "weights_f": lambda notebook, runs: notebook("05_ablations", weights_f="pretrained"),
    "weights": lambda notebook, runs: notebook("03_pretrained", weights="none"),
}


@pytest.mark.parametrize("what", ODD)
def test_a_report_of_notebooks_that_used_something_else_is_refused(what, whole, notebook, runs, capsys):
    if what == "weights":  # a name that only one notebook and the profile know
        record(whole, PROFILE, "quick", {"weights": "b.weights.h5"}, {})
    ODD[what](notebook, runs)
    with pytest.raises(InputError, match=f"belong together, but .*{what}.* in 0\\d_") as refused:
        check_one_report(whole)
    assert "run both with the same data and profile" in str(refused.value)
    # and so does the exporter
    assert cli.main(["report", "--pdf-only", "--output", str(whole.parent)]) == 2
    assert f"agegender: {refused.value}" in capsys.readouterr().err


def test_runs_with_another_split_are_refused(whole, notebook, runs, faces):
    other = predictions_of(faces)
    other["split"] = np.roll(other["split"], 1)
    write_run(runs["ModelF"], faces, other, model="model_f")
    train(notebook("03_pretrained"), runs, "ModelF")
    with pytest.raises(InputError, match=r"split is '\w{12}' in 01_exploration .* in 03_pretrained"):
        check_one_report(whole)


def test_tables_of_several_models_become_one(faces, tmp_path):
    tables = {
        name: pd.DataFrame({"band": pd.Categorical(["0-2"], ["0-2", "3-9"]), "n": [n]}) for n, name in enumerate("AB")
    }
    shown = ReportFolder(tmp_path, faces).save_table(tables, "bands")
    assert shown.columns.to_list() == ["model", "band", "n"] and shown.index.to_list() == [0, 1]
    kept = pd.read_csv(tmp_path / "results" / "bands.csv")
    assert kept["model"].to_list() == ["A", "B"] and kept["n"].to_list() == [0, 1]
    assert kept["data"].str.contains("synthetic stand-in faces").all()

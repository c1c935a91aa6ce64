"""A training that the repository publishes is found again, not repeated."""

import json
import shutil
from dataclasses import asdict, replace

import pandas as pd
import pytest

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.models import build_model_a
from agegender_lib.models.saving import save_model
from agegender_lib.reporting.profiles import model_settings, read_profile
from agegender_lib.runs import METRICS, MODEL, TABLES, finished
from agegender_lib.training import configure, published, train, train_or_restore
from agegender_lib.training.ablations import read_study
from agegender_lib.training.published import expected_seconds

SHORT = {
    "validation_size": 0.3,
    "ensemble_size": 1,
    "architecture": {"widths": [8, 8], "stem": 8, "image_size": 48},
    "stages": [{"epochs": 1, "learning_rate": 0.002}],
}
CONFIG = configure("model_a", **SHORT)


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    return train(CONFIG, few, runs=tmp_path_factory.mktemp("trained"))


@pytest.fixture
def report(trained, tmp_path, monkeypatch):
    """A report folder that publishes the training."""
    tables, models = tmp_path / "report" / "results" / "runs" / "model_a", tmp_path / "report" / "models"
    tables.mkdir(parents=True), models.mkdir()
    for name in TABLES:
        shutil.copy(trained / name, tables)
    (tables / "robustness_3_0_1.csv.gz").write_bytes(b"answers")
    shutil.copy(trained / MODEL, models / "age_gender_A.keras")
    monkeypatch.setattr(folders, "REPORT", tmp_path / "report")
    monkeypatch.setattr(folders, "RUNS", tmp_path / "runs")
    return tmp_path / "report"


@pytest.fixture
def trainings(monkeypatch):
    """What was trained anew."""
    asked = []
    monkeypatch.setattr(published, "train", lambda config, *_: asked.append(config))
    return asked


def test_it_comes_back_as_it_was(trained, report, few, trainings, capsys):
    folder = train_or_restore(CONFIG, few)
    assert folder.name == trained.name and not trainings
    assert "nothing is trained" in capsys.readouterr().out
    for name in (*TABLES, MODEL):
        assert (folder / name).read_bytes() == (trained / name).read_bytes()
    assert (folder / "model.h5").is_file() and (folder / "robustness_3_0_1.csv.gz").read_bytes() == b"answers"


def test_another_training_is_trained(report, few, trainings):
    other_faces = replace(few, fingerprint="0" * 64)
    train_or_restore(CONFIG, few, retrain=True)
    train_or_restore(replace(CONFIG, seed=2), few)
    train_or_restore(CONFIG, other_faces)
    assert trainings == [CONFIG, replace(CONFIG, seed=2), CONFIG]


@pytest.mark.parametrize(("asked", "found"), [("pretrained", True), ("none", False)])
def test_only_who_leaves_the_weights_open_gets_one_that_began_from_a_file(asked, found, report, few):
    config = configure("model_b", validation_size=0.3)
    kept = {"training": asdict(config), "data": {"name": few.name, "fingerprint": few.fingerprint}}
    path = report / "results" / "runs" / "model_a" / "config.json"
    path.write_text(json.dumps(kept | {"weights": "mine.weights.h5 sha256 0"}))
    assert (published.find_published(config, few, asked) is not None) is found


def test_a_model_that_answers_otherwise_is_refused(report, few, trainings, tmp_path):
    save_model(build_model_a(**CONFIG.architecture), report / "models" / "age_gender_A.keras")
    with pytest.raises(InputError, match=r"age_gender_A\.keras does not predict what .*predictions\.csv says"):
        train_or_restore(CONFIG, few)
    assert not any(finished(folder) for folder in (tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(("model", "off"), [("model_a", 0.01), ("model_b", 0.08), ("model_f", 0.1)])
def test_a_training_is_told_the_time_that_the_published_one_took(model, off):
    took = json.loads((folders.REPORT / "results" / "runs" / model / METRICS).read_text())["seconds"]
    config = configure(model)
    told = expected_seconds(config, 5000, 4000)
    assert told == pytest.approx(took, rel=off)
    assert expected_seconds(config, 10000, 8000) == pytest.approx(2 * told)
    twice = [asdict(stage) | {"epochs": 2 * stage.epochs} for stage in config.stages]
    assert 1.8 * told < expected_seconds(configure(model, stages=twice), 5000, 4000) <= 2.001 * told
    assert expected_seconds(configure(model, architecture={"image_size": 96}), 5000, 4000) is None


def test_the_profile_for_whole_utkface_has_steps_and_hours_that_fit():
    profile, coursework = read_profile("full"), read_profile("coursework")
    faces, hours = 23705, 0
    for model in ("model_a", "model_b", "model_f"):
        config, published = (configure(model, **model_settings(values, model)) for values in (profile, coursework))
        assert config.architecture == published.architecture
        sides = (config, faces * 4 // 5), (published, 4000)
        steps, then = (each.epochs * (training // each.batch_size) for each, training in sides)
        assert 1.5 < steps / then < 2
        hours += expected_seconds(config, faces, faces * 4 // 5) / 3600
    assert 3 < hours < 5
    # the single split is one of the folds, and its heads learn on the features that ModelF's first stage keeps
    single, *folds = (run.config for run in read_study(profile["folds_study"]).runs)
    assert single.validation_size == profile["validation_size"] == 0.2 and len(folds) == 5
    assert single.stages[0].cached_features and single.epochs <= 3
    # all that heads on features take is computing them, of each face and of its mirror image
    rate = json.loads((folders.REPORT / "results" / "runs" / "model_f" / METRICS).read_text())["images_per_second"]
    assert expected_seconds(single, 5000, 4000) == pytest.approx(2 * 5000 / rate)


def test_one_that_was_cut_off_is_taken_up_again(trained, report, few, trainings, monkeypatch):
    copy = published.copy_file

    def cut_off(source, target):
        if target.name == METRICS:
            raise KeyboardInterrupt
        return copy(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(published, "copy_file", cut_off)
        with pytest.raises(KeyboardInterrupt):
            train_or_restore(CONFIG, few)
    folder = train_or_restore(CONFIG, few)
    assert finished(folder) and len(pd.read_csv(folder / "predictions.csv")) == len(few)

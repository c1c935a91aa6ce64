"""The quick profile's settings, on drawn faces: what a newcomer sees has learned something."""

from agegender_lib.data import load_dataset
from agegender_lib.evaluation import evaluate
from agegender_lib.reporting.profiles import model_settings
from agegender_lib.runs import read_run
from agegender_lib.training import configure, features, train


def test_half_of_its_faces_teach_model_f(tmp_path, monkeypatch):
    monkeypatch.setattr(features.backbone_features, "__defaults__", (tmp_path,))
    faces = load_dataset("", 600, tmp_path / "faces")
    config = configure("model_f", **model_settings("quick", "model_f"))
    run = read_run(train(config, faces, "published", tmp_path / "runs"))
    scores = evaluate(run.validation).set_index("metric")
    assert len(run.validation) == 120
    assert scores.loc["age_mae", "high"] < 9 and scores.loc["gender_accuracy", "low"] > 0.75

"""The quick profile's settings, on a third of its drawn faces: what a newcomer sees has learned something."""

from dataclasses import replace

import pytest

from agegender_lib.data import load_dataset
from agegender_lib.evaluation import (
    compare_variants,
    evaluate,
    injected_label_errors,
    out_of_fold_predictions,
    paired_comparison,
    read_runs,
)
from agegender_lib.evaluation.comparison import constant_predictions
from agegender_lib.reporting.profiles import model_settings
from agegender_lib.runs import read_run
from agegender_lib.training import configure, features, train
from agegender_lib.training.ablations import read_study, run_study


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return load_dataset("", 400, tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="module", autouse=True)
def kept_features(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "KEPT", tmp_path_factory.mktemp("features"))
        yield


@pytest.mark.parametrize(
    ("model", "weights", "years", "accuracy"),
    [("model_a", "none", 14, 0.65), ("model_b", "published", 14, 0.65), ("model_f", "published", 10, 0.75)],
)
def test_a_third_of_its_faces_teach_every_model(model, weights, years, accuracy, faces, tmp_path):
    run = read_run(train(configure(model, **model_settings("quick", model)), faces, weights, tmp_path))
    scores = evaluate(run.validation).set_index("metric")
    assert len(run.validation) == 80
    assert scores.loc["age_mae", "high"] < years and scores.loc["gender_accuracy", "low"] > accuracy
    constant = paired_comparison(constant_predictions(run.train, run.validation), run.validation).set_index("metric")
    assert constant.loc["age_mae", "high"] < 0 < constant.loc["gender_accuracy", "low"]


def test_wrong_labels_are_found_by_the_quick_folds(faces, tmp_path):
    study = read_study("folds_quick")
    # in three, which takes less time than five
    first = next(run for run in study.runs if run.config.fold)
    folds = [replace(first, config=replace(first.config, fold=f"{fold}/3")) for fold in (1, 2, 3)]
    runs = read_runs(run_study(replace(study, runs=folds), faces, tmp_path, weights="published"))
    injected = injected_label_errors(out_of_fold_predictions(list(runs.values())), 20)
    # 19 of 20 genders; so few faces teach too little about ages
    assert injected.set_index("task").loc["gender", "hits_at_k"] >= 10


def test_a_quick_study_shows_a_difference_beyond_chance(faces, tmp_path):
    study = read_study("heads_quick")
    study = replace(study, runs=[run for run in study.runs if run.config.seed == 1])
    study = run_study(study, faces, tmp_path, weights="published")
    steps = compare_variants(study, read_runs(study))
    shorter = steps[~steps["baseline"]].iloc[0]
    assert shorter["age_mae_difference_low"] > 0  # 12 to 16 years

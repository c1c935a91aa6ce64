"""The quick profile's settings, on a third of its drawn faces: what a newcomer sees has learned something.

Its ModelA is that of test_train.py.
"""

from dataclasses import replace

import pytest

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


@pytest.fixture(scope="module", autouse=True)
def kept_features(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "KEPT", tmp_path_factory.mktemp("features"))
        yield


@pytest.mark.parametrize(("model", "years", "accuracy"), [("model_b", 14, 0.65), ("model_f", 10, 0.75)])
def test_a_third_of_its_faces_teach_every_model(model, years, accuracy, third, tmp_path):
    run = read_run(train(configure(model, **model_settings("quick", model)), third, "published", tmp_path))
    scores = evaluate(run.validation).set_index("metric")
    assert len(run.validation) == 80
    assert scores.loc["age_mae", "high"] < years and scores.loc["gender_accuracy", "low"] > accuracy
    constant = paired_comparison(constant_predictions(run.train, run.validation), run.validation).set_index("metric")
    assert constant.loc["age_mae", "high"] < 0 < constant.loc["gender_accuracy", "low"]


@pytest.fixture(scope="module")
def folds(third, tmp_path_factory):
    """The quick folds, but two, which take less time than five: settings, trainings, and where these lie."""
    study = read_study("folds_quick")
    first = next(run for run in study.runs if run.config.fold)
    runs = [replace(first, config=replace(first.config, fold=f"{fold}/2")) for fold in (1, 2)]
    folder = tmp_path_factory.mktemp("folds")
    return runs, run_study(replace(study, runs=runs), third, folder, weights="published"), folder


def test_wrong_labels_are_found_by_the_quick_folds(folds):
    injected = injected_label_errors(out_of_fold_predictions(list(read_runs(folds[1]).values())), 20)
    # so few faces teach too little about ages
    assert injected.set_index("task").loc["gender", "hits_at_k"] >= 10


def test_a_quick_study_shows_a_difference_beyond_chance(folds, third):
    (fold, _), _, folder = folds
    study = read_study("heads_quick")
    # the whole training is the fold's
    held = {name: getattr(fold.config, name) for name in ("fold", "validation_size")}
    runs = [replace(run, config=replace(run.config, **held)) for run in study.runs if run.config.seed == 1]
    assert runs[0].config == fold.config
    study = run_study(replace(study, runs=runs), third, folder, weights="published")
    steps = compare_variants(study, read_runs(study))
    shorter = steps[~steps["baseline"]].iloc[0]
    assert shorter["age_mae_difference_low"] > 0  # 12 to 16 years

"""Studies: every choice trained once and compared with its reference; members averaged in one model."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from made_runs import TINY, run_with, watch

from agegender_lib import folders, plots
from agegender_lib.errors import InputError
from agegender_lib.evaluation import compare_variants, read_run, read_runs, run_table
from agegender_lib.plots.style import COLOURS
from agegender_lib.reporting.report_folder import ReportFolder
from agegender_lib.runs import predictions_table
from agegender_lib.training import configure
from agegender_lib.training.ablations import read_study, run_study
from agegender_lib.training.checkpoint import TrainingState

BASE = {**TINY, "validation_size": 20}
#: Trained here. "max" and "some" with seed 1 are one training; the second member of "two" is "max" with seed 2.
CHOICES = [
    {"name": "pooling", "seeds": [1, 2], "variants": {"max": {}}},
    {"name": "decay", "variants": {"some": None, "none": {"weight_decay": 0}}},
    {"name": "members", "variants": {"one": {}, "two": {"ensemble_size": 2}}},
]
FACTORS = [
    {
        "name": "pooling",
        "question": "Which?",
        "variants": {"max": {}, "average": {"architecture": {"pooling": "average"}}},
    },
    {"name": "decay", "seeds": [1, 2], "variants": {"some": None, "none": {"weight_decay": 0}}},
]


def written(path, **content):
    path.write_text(yaml.safe_dump({"base": BASE, "factors": FACTORS, **content}, sort_keys=False))
    return path


def test_a_study_trains_the_first_seed_of_everything_first(tmp_path):
    study = read_study(written(tmp_path / "s.yaml"))
    assert [(t.factor, t.variant, t.seed, t.baseline) for t in study.runs] == [
        ("pooling", "max", 1, True),
        ("pooling", "average", 1, False),
        ("decay", "some", 1, True),
        ("decay", "none", 1, False),
        ("decay", "some", 2, True),
        ("decay", "none", 2, False),
    ]
    assert study.questions == {"pooling": "Which?", "decay": ""}
    reference, average, _, none, *_ = (training.config for training in study.runs)
    assert reference == configure("model_a", **BASE)
    assert average == configure("model_a", **{**BASE, "architecture": {**BASE["architecture"], "pooling": "average"}})
    assert none == replace(reference, weight_decay=0)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"factors": []}, "no factors"),
        ({"factor": []}, "'factor' is none of model, base, seeds, factors"),
        ({"model": "model_c"}, "'model_c' is unknown"),
        ({"base": {"batch": 3}}, "'batch' is not a setting of model_a"),
        ({"factors": [{"name": "a"}]}, "factor 'a' has no variants"),
        ({"factors": [{"variants": {"x": {}}}]}, "give a mapping with name and variants"),
        ({"factors": [{"name": "a", "variants": {"x": {}}, "seed": 1}]}, "factor 'a': 'seed' is none of"),
        ({"factors": [{"name": "a", "variants": {"x": {"dropout": 1}}}]}, "'dropout' is not a setting"),
        ({"factors": [{"name": "a", "variants": {"x": 3}}]}, "settings are 3: give a mapping"),
        ({"factors": [{"name": "a", "variants": {"x": {}}, "seeds": [1, 1]}]}, r"seeds is \[1, 1\]"),
        ({"factors": [FACTORS[0], FACTORS[0]]}, "two factors are named 'pooling'"),
    ],
)
def test_a_study_that_cannot_be_understood_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as error:
        read_study(written(tmp_path / "s.yaml", **content))
    assert "s.yaml" in str(error.value)


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in folders.STUDIES.glob("*.yaml") if "search" not in path.stem)
)
def test_the_studies_of_the_project_can_be_read(name):
    study = read_study(name)
    # a variant that repeats its factor's baseline would be compared with itself
    for group in study.questions:
        members = [t for t in study.runs if t.factor == group and t.seed == study.runs[0].seed]
        configs = [replace(t.config, gradient_batches=0) for t in members]
        assert len(members) > 1 and all(configs[0] != other for other in configs[1:]), group
    assert all(study.questions.values())


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = read_study(written(folder / "s.yaml", factors=CHOICES))
    epochs = []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, TrainingState, "write", lambda state, *_: epochs.append(state.path.parent.name))
        found = run_study(study, few, folder / "runs")
    return study, folder, found, epochs


def of(trainings, variant, seed=1):
    """A row of the trainings."""
    return trainings[(trainings["variant"] == variant) & (trainings["seed"] == seed)].iloc[0]


def test_equal_settings_are_trained_once(trained):
    study, folder, trainings, epochs = trained
    runs = {path.name for path in (folder / "runs").iterdir()}
    assert len(trainings) == 6 and trainings["run"].nunique() == 4 and set(trainings["run"]) == runs
    # three of one epoch, and the fourth is the mean of two of them
    assert len(epochs) == 3 and set(epochs) == runs - {of(trainings, "two")["run"]}
    for row, training in zip(trainings.itertuples(), study.runs, strict=True):
        run = read_run(row.folder)
        assert run.config["training"]["seed"] == row.seed == training.seed
        assert run.config["training"]["weight_decay"] == training.config.weight_decay
    table = run_table(trainings, read_runs(trainings))
    assert table["age_mae"].notna().all() and (table["epochs"] == 1).all()


def test_what_is_trained_is_not_trained_again(trained, few, tmp_path, monkeypatch):
    study, folder, trainings, _ = trained
    monkeypatch.setattr("agegender_lib.training.ablations.train", None)
    again = run_study(study, few, folder / "runs")
    pd.testing.assert_frame_equal(again, trainings)
    # the kept tables will do, without a model
    ReportFolder(tmp_path, few).save_runs(trainings)
    kept = tmp_path / "results" / "ablations"
    monkeypatch.setattr("agegender_lib.training.ablations.KEPT", kept)
    elsewhere = run_study(study, few, tmp_path / "nothing")
    assert list(elsewhere["run"]) == list(trainings["run"])
    assert set(elsewhere["folder"]) == {kept / "s"}
    before, after = read_runs(trainings), read_runs(elsewhere)
    assert list(after) == list(before)
    for name, run in before.items():
        assert (after[name].config, after[name].metrics) == (run.config, run.metrics)
        assert after[name].provenance == run.provenance
        pd.testing.assert_frame_equal(after[name].history, run.history)
        pd.testing.assert_frame_equal(after[name].predictions, run.validation)
    # wherever they are found, in whatever order, they are kept as the same bytes
    mixed = trainings.assign(folder=[*trainings["folder"][:2], *elsewhere["folder"][2:]])[::-1]
    ReportFolder(tmp_path / "again", few).save_runs(mixed)
    files = {path.name: path.read_bytes() for path in (kept / "s").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "again/results/ablations/s").iterdir()}
    # of other faces nothing is there, and nothing is trained unless asked for
    others = run_study(study, replace(few, fingerprint="0" * 64), folder / "runs", train_missing=False)
    assert others["folder"].isna().all()
    missing = run_table(others, read_runs(others))
    assert list(missing["variant"]) == list(trainings["variant"]) and missing["age_mae"].isna().all()


def test_an_argument_the_builder_refuses_is_found_before_any_training(few, tmp_path):
    factors = [FACTORS[0], {"name": "bad", "variants": {"a": {}, "b": {"architecture": {"pooling": "median"}}}}]
    study = read_study(written(tmp_path / "s.yaml", factors=factors))
    with pytest.raises(InputError, match="median"):
        run_study(study, few, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def run_of(read, p_female):
    """A finished run with these answers to 40 faces of 30 years, every other one labelled female."""
    predictions = predictions_table(np.full(40, 30), read, np.arange(40) % 2, p_female)
    error = (predictions["age_predicted"] - 30).abs().mean()
    right = ((predictions["p_female"] >= 0.5) == (predictions["gender"] == 1)).mean()
    scores = {"age_mae": float(error), "gender_accuracy": float(right)}
    metrics = {"validation": scores, "train": scores, "epochs": 1, "seconds_per_epoch": 1.0, "parameters": 7}
    return run_with(predictions, metrics=metrics)


@pytest.fixture
def planted():
    """A baseline with two seeds; "better" is a year nearer on every face; "noise" has one seed and no effect."""
    rng = np.random.default_rng(0)
    gender = np.arange(40) % 2
    first, second = 35 + rng.random(40), 37 + rng.random(40)
    wrong = np.where(np.arange(40) < 10, 1 - gender, gender) * 0.8 + 0.1
    right = gender * 0.8 + 0.1
    runs = {
        "r1": run_of(first, wrong),
        "r2": run_of(second, wrong),
        "b1": run_of(first - 1, right),
        "b2": run_of(second - 1, right),
        "n1": run_of(first + rng.permutation(np.repeat([-0.5, 0.5], 20)), wrong),
    }
    rows = [
        ("factor", "baseline", 1, True, "r1"),
        ("factor", "baseline", 2, True, "r2"),
        ("factor", "better", 1, False, "b1"),
        ("factor", "better", 2, False, "b2"),
        ("factor", "noise", 1, False, "n1"),
        ("factor", "untrained", 1, False, "u1"),
    ]
    return pd.DataFrame(rows, columns=["factor", "variant", "seed", "baseline", "run"]), runs


def test_a_planted_effect_is_found_and_noise_is_not(planted):
    found = compare_variants(*planted).set_index("variant")
    better = found.loc["better"]
    # the same year on every face: nothing is left to chance
    for end in ("", "_low", "_high"):
        assert better[f"age_mae_difference{end}"] == pytest.approx(-1)
    assert better["gender_accuracy_difference"] == pytest.approx(0.25)
    low, high = (better[f"gender_accuracy_difference_{end}"] for end in ("low", "high"))
    assert 0.08 < low < 0.25 < high < 0.42
    assert better["age_mae_difference_p"] < 0.01
    noise = found.loc["noise"]
    assert noise["age_mae_difference_low"] < 0 < noise["age_mae_difference_high"]
    assert noise["gender_accuracy_difference"] == 0 and noise["gender_accuracy_difference_p"] == 1
    assert found.loc["baseline"].filter(like="difference").isna().all()


def test_seeds_are_averaged_and_their_spread_is_told(planted):
    trainings, runs = planted
    found = compare_variants(trainings, runs).set_index("variant")
    each = [runs[name].metrics["validation"]["age_mae"] for name in ("r1", "r2")]
    assert found.loc["baseline", "age_mae"] == pytest.approx(np.mean(each))
    assert found.loc["baseline", "age_mae_sd"] == pytest.approx(np.std(each, ddof=1))
    assert list(found["seeds"]) == [2, 2, 1, 0] and np.isnan(found.loc["noise", "age_mae_sd"])
    # "noise" has the first seed only, and is compared with the reference's first seed only
    gap = runs["n1"].metrics["validation"]["age_mae"] - each[0]
    assert found.loc["noise", "age_mae_difference"] == pytest.approx(gap)
    assert np.isnan(found.loc["untrained", "age_mae"])


def test_variants_of_other_images_are_not_compared(planted):
    trainings, runs = planted
    other = runs["b1"].predictions.assign(file=lambda table: "x" + table["file"])
    with pytest.raises(InputError, match="different images"):
        compare_variants(trainings, runs | {"b1": replace(runs["b1"], predictions=other)})


def test_the_figure_shows_differences_where_they_are(planted):
    figure = plots.ablation_forest(compare_variants(*planted))
    age, gender = figure.axes
    labels = [text.get_text() for text in age.get_yticklabels()]
    assert labels == ["factor: baseline", "better (2 seeds)", "noise"]
    dots = {float(line.get_ydata()[0]): line for ax in (age,) for line in ax.lines if line.get_marker() == "o"}
    assert dots[1.0].get_xdata()[0] == pytest.approx(-1) and dots[1.0].get_color() == COLOURS["ModelA"]
    assert dots[2.0].get_color() == COLOURS["faint"]
    points = [line for line in gender.lines if line.get_marker() == "o"]
    assert points[0].get_xdata()[0] == pytest.approx(25)


def test_a_model_of_members_answers_with_their_mean(trained):
    trainings = trained[2]
    run = read_run(of(trainings, "two")["folder"])
    assert run.metrics["members"] == [of(trainings, "max", seed)["run"] for seed in (1, 2)]
    parts = [read_run(trained[1] / "runs" / name) for name in run.metrics["members"]]
    assert [part.config["training"]["seed"] for part in parts] == [1, 2]
    assert {part.config["training"]["ensemble_size"] for part in parts} == {1}
    answers = [part.predictions[["age_predicted", "p_female"]].to_numpy() for part in parts]
    assert np.abs(answers[0] - answers[1]).max(axis=0).min() > 1e-3
    together = run.predictions[["age_predicted", "p_female"]].to_numpy()
    assert together == pytest.approx(np.mean(answers, axis=0), abs=1e-4)
    assert run.metrics["parameters"] > sum(part.metrics["parameters"] for part in parts) / 2
    # its history is their mean, and the sum of their time
    for column, join in (("loss", np.mean), ("val_age_mae", np.mean), ("seconds", np.sum)):
        wanted = join([part.history[column] for part in parts], axis=0)
        assert run.history[column].to_numpy() == pytest.approx(wanted)


# Groups of other models, and how the error falls with the number of faces.


def test_a_group_has_its_own_model_and_weights(trained, tiny_b, few, tmp_path):
    _, weights = tiny_b
    base = {name: BASE[name] for name in ("stages", "validation_size", "batch_size", "precision", "optimizer")}
    fine = {"architecture": {"backbone": "tiny", "dense": 8}, "significand_bits": None}
    factors = [
        {"name": "ModelB", "model": "model_b", "base": fine, "variants": {"16": {"train_size": 16}}},
        {"name": "ModelA", "base": {"architecture": BASE["architecture"]}, "variants": {"40": {"ensemble_size": 1}}},
    ]
    study = read_study(written(tmp_path / "s.yaml", base=base, factors=factors))
    assert [training.config.model for training in study.runs] == ["model_b", "model_a"]
    # that ModelA is trained already
    shutil.copytree(there := of(trained[2], "max")["folder"], tmp_path / "runs" / there.name)
    trainings = run_study(study, few, tmp_path / "runs", weights=weights)
    runs = read_runs(trainings)
    origins = [runs[name].metrics["weights_origin"] for name in trainings["run"]]
    assert ["tiny.weights.h5" in origin for origin in origins] == [True, False]
    assert [runs[name].metrics["train"]["images"] for name in trainings["run"]] == [16, 40]
    # other weights are other trainings
    others = run_study(study, few, tmp_path / "runs", train_missing=False, weights="none")
    assert others["folder"].notna().tolist() == [False, True]


def sized():
    """What the trainings of two networks on two and three numbers of faces might have reached."""
    reached = {("ModelF", "4000"): 4.5, ("ModelF", "250"): 5.5, ("ModelA", "4000"): 5.0}
    reached |= {("ModelA", "1000"): 6.5, ("ModelA", "250"): 9.0}
    rows = [
        {"factor": group, "variant": choice, "seed": seed, "age_mae": age + seed, "gender_accuracy": 0.9}
        for (group, choice), age in reached.items()
        for seed in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_the_error_is_drawn_against_the_number_of_faces():
    figure = plots.training_size_curve(sized())
    lines = {line.get_label(): line for line in figure.axes[0].lines if line.get_linestyle() == "-"}
    assert lines["ModelA"].get_xdata().tolist() == [250, 1000, 4000]
    assert lines["ModelA"].get_ydata().tolist() == [10.5, 8.0, 6.5]
    assert lines["ModelF"].get_ydata().tolist() == [7.0, 6.0]
    assert lines["ModelF"].get_color() == COLOURS["ModelF"]
    single = [line for line in figure.axes[0].lines if line.get_linestyle() != "-"]
    assert sorted(single[0].get_ydata()) == [5.5, 6.5, 6.5, 7.5]

"""Cross-validation: folds in trainings and in tables, and the figure that shows them."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import yaml
from made_runs import TINY, run_with

from agegender_lib import folders, plots
from agegender_lib.data import assign_folds, split_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import cross_validation_table, evaluate, fold_variance, out_of_fold_predictions, read_run
from agegender_lib.pipeline.cli import main
from agegender_lib.runs.kept import find_kept, read_kept
from agegender_lib.training import TrainingConfig, configure
from agegender_lib.training.identity import run_name
from agegender_lib.training.train import split_as_configured


def test_the_setting_changes_no_name_until_it_is_used(few):
    plain = configure("model_a", **TINY)
    assert "fold" not in plain.differing()
    # what an older run folder keeps lacks the setting
    kept = {key: value for key, value in asdict(plain).items() if key != "fold"}
    assert TrainingConfig.from_dict(kept) == plain
    names = {run_name(configure("model_a", **TINY, fold=fold), few) for fold in (None, "1/5", "2/5")}
    assert len(names) == 3 and run_name(plain, few) in names


def test_published_trainings_are_found_by_the_names_they_were_given(few):
    published = find_kept(folders.REPORT / "results" / "ablations")
    assert published
    for folder in set(published.values()):
        names = [name for name in published if published[name] == folder]
        for name, run in read_kept(folder, names).items():
            faces = replace(few, fingerprint=run.config["data"]["fingerprint"])
            config = TrainingConfig.from_dict(run.config["training"])
            assert run_name(config, faces, run.config["weights"]) == name


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", 0.2, "a/b"])
def test_a_fold_that_makes_no_sense_is_refused(fold):
    with pytest.raises(InputError, match=r"fold is .*: give which of how many is held out, such as 1/5"):
        configure("model_a", fold=fold)


def test_fold_and_validation_are_not_both_taken():
    with pytest.raises(InputError, match=r"fold is 2/5, validation_size 0\.2, but only one"):
        configure("model_a", fold="2/5", validation_size=0.2)


@pytest.mark.parametrize("number", [2, 4])
def test_a_fold_is_held_out(few, number):
    folds = assign_folds(few.table, 4, seed=3)
    split = split_as_configured(configure("model_a", **TINY, fold=f"{number}/4", split_seed=3), few.table)
    assert list(split) == list(np.where(folds == number, "validation", "train"))
    assert (split == "validation").sum() == 15


def test_fewer_faces_train_within_a_fold(few):
    config = configure("model_a", fold="1/3", train_size=25)
    split = split_as_configured(config, few.table)
    assert split.value_counts().to_dict() == {"validation": 20, "train": 25, "unused": 15}
    assert ((assign_folds(few.table, 3, seed=1) == 1) == (split == "validation")).all()
    with pytest.raises(InputError, match="41 training faces are asked for, but there are 40"):
        split_as_configured(replace(config, train_size=41), few.table)


def labelled(count=1000, seed=0):
    rng = np.random.default_rng(seed)
    ages = rng.gamma(3, 11, count).astype(int).clip(1, 100)
    group = np.full(count, -1)
    group[:100] = np.arange(50).repeat(2)
    return pd.DataFrame(
        {
            "file": [f"{age}_{row}.jpg" for row, age in enumerate(ages)],
            "age": ages,
            "gender": rng.integers(2, size=count),
            "race": 0,
            "duplicate_group": group,
        }
    )


def run_of(table, held, name, fold, error, accuracy, **settings):
    """A run whose network is off by a normal error with this mean size in years, and right so often."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    off = rng.normal(0, error * np.sqrt(np.pi / 2), len(table))
    right = rng.random(len(table)) < accuracy
    predictions = table.assign(
        split=np.where(held, "validation", "train"),
        age_predicted=table["age"] + off,
        p_female=np.where(right == (table["gender"] == 1), 0.9, 0.1),
    )
    training = {"model": "model_f", "fold": fold, "validation_size": 1000, "split_seed": 1} | settings
    config = {"training": training, "data": {"fingerprint": "f" * 64}, "weights": "none"}
    return run_with(predictions, name, config)


def folds_of(table, errors=(5,) * 5, accuracy=0.9):
    folds = assign_folds(table, len(errors))
    return [
        run_of(table, folds == k, f"fold{k}", f"{k}/{len(errors)}", error, accuracy)
        for k, error in enumerate(errors, start=1)
    ]


@pytest.fixture(scope="module")
def table():
    return labelled()


@pytest.fixture(scope="module")
def runs(table):
    single = split_faces(table, seed=9, validation_size=200) == "validation"
    return [run_of(table, single, "single", None, 5, 0.9, validation_size=200), *folds_of(table)]


def test_every_face_is_answered_once_by_the_fold_that_did_not_see_it(table, runs):
    found = out_of_fold_predictions(runs)
    assert sorted(found["file"]) == sorted(table["file"])
    assert (found["fold"] == pd.Series(assign_folds(table), table["file"])[found["file"]].to_numpy()).all()
    third = next(run for run in runs if run.name == "fold3").predictions.set_index("file")
    rows = found[found["fold"] == 3].set_index("file")
    assert (rows["age_predicted"] == third.loc[rows.index, "age_predicted"]).all()
    assert (third.loc[rows.index, "split"] == "validation").all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda runs: runs[:-1], "Of 5 folds there are the numbers 1, 2, 3, 4: give one"),
        (lambda runs: [*runs, runs[1]], "the numbers 1, 1, 2, 3, 4, 5: give one"),
        (lambda runs: [*runs[:-1], changed(runs[-1], split_seed=2)], "differ in split_seed"),
        (lambda runs: [*runs[:-1], other_faces(runs[-1])], "trained on other faces"),
        (lambda runs: [*runs[:-1], renamed(runs[-1], runs[1])], "every face exactly once"),
    ],
)
def test_folds_that_do_not_fit_together_are_refused(runs, spoil, message):
    with pytest.raises(InputError, match=message):
        out_of_fold_predictions(spoil(runs))


def changed(run, **settings):
    return replace(run, config=run.config | {"training": run.config["training"] | settings})


def other_faces(run):
    return replace(run, config=run.config | {"data": {"fingerprint": "0" * 64}})


def renamed(run, other):
    predictions = run.predictions.copy()
    first = predictions.index[predictions["split"] == "validation"][0]
    predictions.loc[first, "file"] = other.validation["file"].iloc[0]
    return replace(run, predictions=predictions)


def test_the_table_has_every_part_with_its_own_numbers(runs):
    found = cross_validation_table(runs).set_index("part")
    assert list(found.index) == [*(f"fold {k}" for k in range(1, 6)), "all folds", "single split"]
    assert list(found["images"]) == [*[200] * 5, 1000, 200]
    for run, part in zip(runs, ["single split", *found.index[:5]], strict=True):
        summary = evaluate(run.validation).set_index("metric")
        for measure in ("age_mae", "gender_accuracy"):
            own = found.loc[part, [measure, f"{measure}_low", f"{measure}_high"]].astype(float)
            assert list(own) == pytest.approx(list(summary.loc[measure, ["value", "low", "high"]]))
    # every face counts once: folds of one size average to the whole, whose interval is narrower by about sqrt(5)
    folds = found.iloc[:5]
    assert found.loc["all folds", "age_mae"] == pytest.approx(folds["age_mae"].mean())
    ratio = folds["age_mae_se"].mean() / found.loc["all folds", "age_mae_se"]
    assert ratio == pytest.approx(np.sqrt(5), rel=0.15)


def test_no_spread_is_found_where_none_was_planted_and_a_planted_one_is(table):
    even = fold_variance(cross_validation_table(folds_of(table))).set_index("measure")
    assert (even["between_fold_sd"] < 2 * even["sampling_sd"]).all()
    # a normal error with mean size 5 has a standard deviation of 5 sqrt(pi/2 - 1), hence this standard error
    assert even.loc["age_mae", "sampling_sd"] == pytest.approx(5 * np.sqrt(np.pi / 2 - 1) / np.sqrt(200), rel=0.2)
    assert even.loc["gender_accuracy", "sampling_sd"] == pytest.approx(np.sqrt(0.9 * 0.1 / 200), rel=0.2)
    uneven = folds_of(table, errors=(3, 4, 5, 6, 7))
    found = fold_variance(cross_validation_table(uneven)).set_index("measure").loc["age_mae"]
    assert found["between_fold_sd"] == pytest.approx(np.std([3, 4, 5, 6, 7], ddof=1), rel=0.25)
    assert found["between_fold_sd"] > 4 * found["sampling_sd"]
    assert found["min"] < 3.6 and found["max"] > 6.2


def test_without_folds_there_is_nothing_to_say(runs):
    assert out_of_fold_predictions(runs[:1]).empty and out_of_fold_predictions([]).empty
    nothing = cross_validation_table(runs[:1])
    assert nothing.empty and fold_variance(nothing).empty
    assert not plots.fold_scores(nothing).axes


def test_the_figure_shows_every_part_where_it_is(runs):
    scores = cross_validation_table(runs)
    figure = plots.fold_scores(scores)
    for ax, measure in zip(figure.axes, ("age_mae", "gender_accuracy"), strict=True):
        dots = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
        assert [line.get_xdata()[0] for line in dots] == pytest.approx(list(scores[measure]))
        ends = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
        assert np.array(ends) == pytest.approx(scores[[f"{measure}_low", f"{measure}_high"]].to_numpy())
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[5] == "all folds  (n = 1,000)" and labels[6] == "single split  (n = 200)"


def test_the_verb_trains_a_study_s_folds_and_says_what_they_say(tmp_path, monkeypatch, capsys, few_source):
    defaults = (tmp_path / "runs", True, "pretrained", None)
    monkeypatch.setattr("agegender_lib.training.ablations.run_study.__defaults__", defaults)
    variants = {"single": {"validation_size": 0.5}, "first": {"fold": "1/2"}, "second": {"fold": "2/2"}}
    content = {"base": TINY, "factors": [{"name": "folds", "question": "Lucky?", "variants": variants}]}
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert main(["study", str(path), "--data", str(few_source[0]), "--csv", str(tmp_path / "out.csv")]) == 0
    assert "folds. Lucky?" in capsys.readouterr().out
    runs = {run.config["training"]["fold"]: run for run in map(read_run, (tmp_path / "runs").glob("model_a*"))}
    assert set(runs) == {None, "1/2", "2/2"}
    for number in (1, 2):
        rows = runs[f"{number}/2"].predictions
        folds = pd.Series(assign_folds(rows, 2), rows.index)
        assert list(rows["split"]) == list(np.where(folds == number, "validation", "train"))
        assert runs[f"{number}/2"].metrics["validation"]["images"] == 30
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table["part"]) == ["fold 1", "fold 2", "all folds", "single split"]
    assert list(table["images"]) == [30, 30, 60, 30]
    # half of the faces, drawn with the same seed, is the first of two folds, and training is reproducible
    assert table["age_mae"][0] == pytest.approx(table["age_mae"][3], abs=1e-5)
    assert table["age_mae"][2] == pytest.approx(table["age_mae"][:2].mean(), abs=1e-4)

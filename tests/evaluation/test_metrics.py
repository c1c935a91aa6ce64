"""Metrics, intervals and comparisons: right on small cases, honest on simulated ones, and loud about bad tables."""

import json
from math import comb, sqrt

import numpy as np
import pandas as pd
import pytest
from explorer_tools import faces_of, write_run
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, precision_recall_fscore_support, roc_auc_score

from agegender_lib.data.filenames import RACES
from agegender_lib.errors import InputError
from agegender_lib.evaluation import evaluate, metrics_by_group, paired_comparison, read_run, running_median
from agegender_lib.evaluation.comparison import constant_predictions
from agegender_lib.evaluation.statistics import bootstrap as bootstrapping
from agegender_lib.evaluation.statistics.bootstrap import auc_of, mean_of, median_of
from agegender_lib.runs import predictions_table
from agegender_lib.runs.tables import HISTORY_COLUMNS


def answers(rng, count=200, spread=5.0, separation=2.0, **columns):
    """Answers of a model whose true error is known: normal age errors, binormal gender scores."""
    age, gender = rng.integers(1, 90, count), rng.integers(2, size=count)
    score = (gender - 0.5) * separation + rng.standard_normal(count)
    columns = {"race": rng.integers(len(RACES), size=count)} | columns
    return predictions_table(age, age + spread * rng.standard_normal(count), gender, norm.cdf(score), **columns)


def by_metric(result):
    return result.set_index("metric")


def test_metrics_of_four_faces_are_those_counted_by_hand():
    # Errors 2, 0, 5 and 10 years; of the women-men pairs three are in order and one is tied.
    faces = predictions_table([10, 20, 30, 40], [12, 20, 25, 50], gender=[0, 0, 1, 1], p_female=[0.2, 0.5, 0.5, 0.9])
    found = by_metric(evaluate(faces))
    assert (found["n"] == 4).all()
    wanted = {
        "age_mae": 17 / 4,
        "age_median_error": 3.5,
        "age_rmse": sqrt(129 / 4),
        "age_balanced_mae": 17 / 4,  # each alone in its band
        "age_cs5": 3 / 4,
        "gender_accuracy": 3 / 4,  # 0.5 is read as female: right for the woman, wrong for the man
        "gender_balanced_accuracy": (1 / 2 + 1) / 2,
        "gender_precision": 2 / 3,
        "gender_recall": 1.0,
        "gender_auc": 3.5 / 4,
        "gender_brier": (0.04 + 0.25 + 0.25 + 0.01) / 4,
    }
    assert found["value"].to_dict() == pytest.approx(wanted)


def test_every_age_band_counts_alike_in_the_balanced_error():
    # Errors 1, 1, 1, 1 in the twenties, 9 and 11 from 80 upwards: the bands' means are 1 and 10.
    faces = predictions_table([20, 22, 25, 29, 80, 101], [21, 21, 26, 28, 71, 112])
    found = by_metric(evaluate(faces))
    assert found.loc["age_balanced_mae", "value"] == pytest.approx(5.5)
    assert found.loc["age_mae", "value"] == pytest.approx(4)
    # A resample without the old has the mean of the young alone, one without the young that of the old.
    assert found.loc["age_balanced_mae", "low"] == 1 and found.loc["age_balanced_mae", "high"] <= 11


def test_gender_metrics_are_those_of_scikit_learn():
    faces = answers(np.random.default_rng(2), 300, separation=1.0)
    found, answer = by_metric(evaluate(faces))["value"], faces["p_female"] >= 0.5
    precision, recall, _, _ = precision_recall_fscore_support(faces["gender"], answer, average="binary")
    _, macro, _, _ = precision_recall_fscore_support(faces["gender"], answer, average="macro")
    assert (precision, recall, macro) == pytest.approx(
        (found["gender_precision"], found["gender_recall"], found["gender_balanced_accuracy"])
    )
    assert found["gender_brier"] == pytest.approx(brier_score_loss(faces["gender"], faces["p_female"]))
    assert len({precision, recall, macro, found["gender_accuracy"]}) == 4  # or one could stand for another


def test_weighted_statistics_equal_those_of_the_expanded_resample():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 12, 41) / 2  # with ties, for scores tie as well
    positive = rng.random(41) < 0.4
    weights = rng.integers(0, 4, (60, 41)).astype(float)
    statistics = (mean_of(values), mean_of(values, among=positive), median_of(values), auc_of(positive, values))
    means, partial, medians, areas = (statistic(weights) for statistic in statistics)
    for row, weight in enumerate(weights.astype(int)):
        drawn = np.repeat(np.arange(41), weight)
        assert means[row] == pytest.approx(np.mean(values[drawn]))
        assert partial[row] == pytest.approx(np.mean(values[drawn][positive[drawn]]))
        assert medians[row] == pytest.approx(np.median(values[drawn]))
        assert areas[row] == pytest.approx(roc_auc_score(positive[drawn], values[drawn]))


def test_intervals_are_as_wide_as_theory_says_and_wider_for_duplicates(monkeypatch):
    monkeypatch.setattr(bootstrapping, "RESAMPLES", 2000)
    rng = np.random.default_rng(5)
    once = answers(rng, 400)
    width = by_metric(evaluate(once)).eval("high - low")
    error = (once["age_predicted"] - once["age"]).abs()
    assert width["age_mae"] == pytest.approx(2 * 1.96 * error.std() / 20, rel=0.1)
    # Four copies of 100 faces tell no more than 100 faces: twice the width of 400.
    copies = once[:100].loc[np.repeat(np.arange(100), 4)].reset_index(drop=True)
    copies["file"] = [f"{number}.jpg" for number in range(400)]
    ignored = by_metric(evaluate(copies)).eval("high - low")
    grouped = by_metric(evaluate(copies.assign(duplicate_group=np.arange(400) // 4))).eval("high - low")
    assert (grouped / ignored).to_numpy() == pytest.approx(2, rel=0.2)


def test_an_interval_is_the_same_every_time_and_however_little_fits_into_memory(monkeypatch):
    faces = answers(np.random.default_rng(7), 60)
    first = evaluate(faces)
    assert evaluate(faces).equals(first)
    monkeypatch.setattr(bootstrapping, "CHUNK", 60 * 7)
    pd.testing.assert_frame_equal(evaluate(faces), first)


def test_pairing_finds_a_small_difference_that_separate_intervals_hide(monkeypatch):
    monkeypatch.setattr(bootstrapping, "RESAMPLES", 2000)
    a = answers(np.random.default_rng(10), 400)
    b = a.assign(age_predicted=a["age"] + 0.9 * (a["age_predicted"] - a["age"]))
    found = by_metric(paired_comparison(a, b)).loc["age_mae"]
    value_a, value_b = (by_metric(evaluate(faces)).loc["age_mae"] for faces in (a, b))
    assert value_b["high"] > value_a["low"]
    assert (found["a"], found["b"]) == pytest.approx((value_a["value"], value_b["value"]))
    assert found["difference"] == pytest.approx(-0.1 * value_a["value"])
    assert found["low"] < found["difference"] < found["high"] < 0
    assert found["p"] < 0.002 and found["test"] == "paired bootstrap"
    assert (found["a_better"], found["b_better"], found["n"]) == (0, 400, 400)


def test_where_nothing_is_planted_nothing_is_found():
    rng = np.random.default_rng(12)
    p, covered, mcnemar = [], 0, []
    for _ in range(250):
        a = answers(rng, 80)
        b = answers(rng, 80).assign(**a[["age", "gender", "race"]])
        b["age_predicted"] = a["age"] + 5 * rng.standard_normal(80)
        b["p_female"] = norm.cdf((a["gender"] - 0.5) * 2 + rng.standard_normal(80))
        age, gender = paired_comparison(a, b).to_dict("records")
        p.append(age["p"])
        covered += age["low"] <= 0 <= age["high"]
        mcnemar.append(gender["p"])
    assert 0.91 <= covered / 250 <= 0.98
    # A p value is uniform where the null hypothesis holds; an exact test on counts may only be larger.
    assert [np.mean(np.array(p) < level) for level in (0.1, 0.3, 0.5, 0.8)] == pytest.approx(
        [0.1, 0.3, 0.5, 0.8], abs=0.08
    )
    assert np.mean(np.array(mcnemar) < 0.05) <= 0.07 and np.mean(mcnemar) > 0.4


def test_mcnemar_counts_faces_that_only_one_model_reads():
    gender = np.array([1] * 20)
    a = predictions_table([30] * 20, [30] * 20, gender, p_female=[0.9] * 6 + [0.2] * 14)
    # Of the six that a reads b loses one, of the others it wins nine.
    b = a.assign(p_female=[0.1] + [0.8] * 14 + [0.3] * 5)
    found = by_metric(paired_comparison(a, b)).loc["gender_accuracy"]
    assert (found["a_better"], found["b_better"]) == (1, 9) and found["test"] == "exact McNemar"
    assert found["p"] == pytest.approx(2 * (comb(10, 0) + comb(10, 1)) / 2**10)
    assert (found["a"], found["b"], found["difference"]) == pytest.approx((0.3, 0.7, 0.4))
    # Ages are all alike here, which is no evidence of anything; the same holds for a model against itself.
    age = by_metric(paired_comparison(a, b)).loc["age_mae"]
    assert (age["p"], age["a_better"], age["b_better"], age["low"], age["high"]) == (1, 0, 0, 0, 0)
    assert (paired_comparison(b, b)["p"] == 1).all()


def test_tables_that_cannot_be_compared_are_refused():
    a = answers(np.random.default_rng(15), 30)
    with pytest.raises(InputError, match=r"different images \(2 files, such as '29.jpg'"):
        paired_comparison(a, a.assign(file=a["file"].replace("29.jpg", "other.jpg")))
    with pytest.raises(InputError, match=r"different images \(1 files"):
        paired_comparison(a, a[1:])
    for label in ("age", "gender"):
        relabelled = a.assign(**{label: a[label].where(a.index != 3, 1 - a["gender"])})
        with pytest.raises(InputError, match="label the same files differently"):
            paired_comparison(a, relabelled)


def spoil(column, value):
    """The change "one value of ``column`` is ``value``"."""

    def change(faces):
        faces = faces.astype({column: object})
        faces.loc[3, column] = value
        return faces.infer_objects()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda faces: faces.assign(split=["train"] * 5 + ["validation"] * 35), "splits train and validation"),
        (lambda faces: faces[:0], "no rows"),
        (lambda faces: faces.drop(columns="race"), "lacks the column.*race"),
        (spoil("file", "7.jpg"), "'7.jpg' more than once"),
        (spoil("age_predicted", np.nan), "1 of 40 values of age_predicted are not finite"),
        (spoil("p_female", np.inf), "1 of 40 values of p_female are not finite"),
        (spoil("p_female", 1.2), "1 of 40 values of p_female are not probabilities"),
        (spoil("age", -1), "1 of 40 values of age are not ages"),
        (spoil("gender", 2), "1 of 40 values of gender are not codes"),
        (spoil("race", 5), "1 of 40 values of race are not codes"),
    ],
)
def test_a_table_that_metrics_would_misread_is_refused(change, message):
    faces = change(answers(np.random.default_rng(0), 40))
    good = answers(np.random.default_rng(0), 40)
    for use in (evaluate, lambda bad: metrics_by_group(bad, "gender"), lambda bad: paired_comparison(good, bad)):
        with pytest.raises(InputError, match=message) as error:
            use(faces)
        assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_a_planted_bias_is_found_in_its_group_and_nowhere_else():
    rng = np.random.default_rng(20)
    race = np.arange(500) % 5
    age = rng.integers(20, 60, 500)
    read = age + np.where(race == 2, 4.0, 0.0) + rng.standard_normal(500)
    wrong = (race == 3) & (np.arange(500) % 10 < 5)  # 50 of the 100 Indian faces
    faces = predictions_table(age, read, gender=0, p_female=np.where(wrong, 0.7, 0.2), race=race)
    found = metrics_by_group(faces, "race").set_index("race")
    assert list(found.index) == list(RACES) and not found["low_support"].any()
    assert (found["count"] == 100).all()
    assert 3.5 < found.loc["Asian", "age_bias_low"] < 4 < found.loc["Asian", "age_bias_high"]
    others = found.drop("Asian")
    assert (others["age_bias"].abs() < 0.4).all() and (others["age_mae"] < 1).all()
    assert found["gender_accuracy"].to_dict() == pytest.approx(dict.fromkeys(RACES, 1.0) | {"Indian": 0.5})
    assert found.loc["Indian", "gender_accuracy_low"] == pytest.approx(0.4, abs=0.03)


def test_the_running_median_follows_what_is_typical():
    # Five faces of each age from 0 to 40, all read two years too old, and one face far from all others.
    ages = [*np.arange(41).repeat(5), 100]
    found = running_median(predictions_table(ages, np.add(ages, 2))).set_index("age")
    assert list(found.index[:41]) == list(range(41)) and 100 not in found.index
    # Eleven ages lie within five years; a tenth of 55 answers is one age and a bit at either end.
    middle = found.loc[20]
    assert (middle["median"], middle["low"], middle["high"], middle["count"]) == (22, 18, 26, 55)
    assert found.loc[0, "median"] == 4.5 and found.loc[0, "count"] == 30  # ages 0 to 5
    # 42 and 41 years still have 20 faces near, 44 (39 to 40) has not.
    assert found.index.max() == 41 + 5 - 4
    assert running_median(predictions_table(ages[:19], ages[:19])).empty


def test_the_constant_baseline_is_the_median_and_the_majority_gender_of_training():
    train = predictions_table([1, 2, 3, 50, 60], [0] * 5, gender=[1, 1, 0, 1, 0], split="train")
    validation = answers(np.random.default_rng(30), 50)
    given = constant_predictions(train, validation)
    assert (given["age_predicted"] == 3).all() and (given["p_female"] == 0.6).all()
    found = by_metric(evaluate(given))
    assert found.loc["age_mae", "value"] == pytest.approx((validation["age"] - 3).abs().mean())
    assert found.loc["gender_accuracy", "value"] == pytest.approx((validation["gender"] == 1).mean())
    assert found.loc["gender_auc", ["value", "low", "high"]].to_list() == [0.5, 0.5, 0.5]
    men = by_metric(evaluate(constant_predictions(train.assign(gender=0), validation)))
    assert men.loc["gender_accuracy", "value"] == pytest.approx((validation["gender"] == 0).mean())


@pytest.fixture
def folder(tmp_path):
    """A finished run of three epochs, with 40 predictions, 14 of them for validation."""
    return write_run(tmp_path / "model_a-1234", faces_of(synthetic=True))


def test_a_run_is_read_as_it_was_written(folder):
    run = read_run(folder)
    assert (run.name, run.synthetic, run.config["training"]["model"]) == ("model_a-1234", True, "model_a")
    assert len(run.train) == 26 and list(run.validation.index) == list(range(14))
    assert (run.validation["split"] == "validation").all() and run.metrics == {}
    assert list(run.history["stage"]) == ["1", "1", "1"] and set(HISTORY_COLUMNS) <= set(run.history)
    assert by_metric(evaluate(run.validation)).loc["age_mae", "n"] == 14
    with pytest.raises(InputError, match=r"run\.validation"):
        evaluate(run.predictions)
    (folder / "provenance.json").write_text(json.dumps({"data": {"name": "faces", "rendered": False}}))
    assert read_run(str(folder)).synthetic is False


def change_csv(name, change):
    def spoil_file(run):
        change(pd.read_csv(run / name)).to_csv(run / name, index=False)

    return spoil_file


def write_file(name, content):
    return lambda run: (run / name).write_bytes(content)


FILES = ("config.json", "provenance.json", "metrics.json", "history.csv", "predictions.csv")


@pytest.mark.parametrize(
    ("spoil_run", "message"),
    [
        *((lambda run, f=f: (run / f).unlink(), f"incomplete, it has no {f}") for f in FILES),
        (write_file("config.json", b'{"training": '), "not valid JSON"),
        (write_file("provenance.json", b'{"data": []}'), "does not say which data"),
        (change_csv("history.csv", lambda rows: rows.drop(columns="val_loss")), "val_loss"),
        (change_csv("predictions.csv", lambda rows: rows.drop(columns="p_female")), "p_female"),
        (change_csv("predictions.csv", spoil("age_predicted", np.nan)), "not finite"),
    ],
)
def test_a_damaged_run_is_refused_in_one_sentence(folder, spoil_run, message):
    spoil_run(folder)
    with pytest.raises(InputError, match=message) as error:
        read_run(folder)
    assert "\n" not in str(error.value) and "model_a-1234" in str(error.value) and str(error.value).endswith(".")


def test_a_missing_run_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match=r"no run folder .*nothing: train that model first"):
        read_run(tmp_path / "nothing")

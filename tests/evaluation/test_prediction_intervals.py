"""Prediction intervals and selective prediction: wrong spreads of known size are found and corrected."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr

from agegender_lib.errors import InputError
from agegender_lib.evaluation import age_dispersion, age_risk_coverage, empirical_coverage, gender_risk_coverage
from agegender_lib.evaluation.statistics import bootstrap
from agegender_lib.evaluation.uncertainty import prediction_intervals
from agegender_lib.evaluation.uncertainty.age_distributions import standard_deviation
from agegender_lib.runs import predictions_table

AGES = np.arange(117)


def normal(middle, spread):
    """Probabilities of whole ages, [n, 117], and their means."""
    edges = np.append(AGES - 0.5, AGES[-1] + 0.5)
    values = np.diff(norm.cdf(edges, middle[:, None], spread[:, None]), axis=1)
    values /= values.sum(axis=1, keepdims=True)
    return values, values @ AGES


def faces(factor=1.0, count=2000, seed=0, spreads=(3.0, 9.0), informative=True):
    """Predictions and distributions ``factor`` times as wide as the errors; one face's spread is unlike another's.

    Where they are not ``informative`` the errors have nothing to do with the spread that is told.
    """
    rng = np.random.default_rng(seed)
    middle, spread = rng.uniform(45, 70, count), rng.uniform(*spreads, count)
    told = spread if informative else rng.permutation(spread)
    values, means = normal(middle, factor * told)
    files = [f"{n}.jpg" for n in range(count)]
    age = np.clip(np.rint(rng.normal(middle, spread)), 0, 116).astype(int)
    return predictions_table(age, means), pd.DataFrame(values, index=pd.Index(files, name="file"), columns=AGES)


def over_all(table, interval):
    return table[(table["by"] == "all") & (table["interval"] == interval)].set_index("level")


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_coverage_is_what_theory_says_and_cqr_m_brings_it_back(factor):
    predictions, distributions = faces(factor)
    table = empirical_coverage(predictions, distributions)
    plain, corrected = over_all(table, "predicted"), over_all(table, "cqr_m")
    for level in (0.5, 0.8, 0.95):
        theory = 2 * norm.cdf(factor * norm.ppf((1 + level) / 2)) - 1
        assert plain.loc[level, "coverage"] == pytest.approx(theory, abs=0.025)
        row = corrected.loc[level]
        assert row["correction"] == pytest.approx(1 / factor, rel=0.08)
        assert row["width"] == pytest.approx(plain.loc[level, "width"] / factor, rel=0.08)
    for interval in ("cqr_m", "absolute_residual"):
        rows = over_all(table, interval)
        for level in (0.5, 0.8, 0.95):
            assert rows.loc[level, "coverage"] == pytest.approx(level, abs=0.02)
            assert rows.loc[level, "coverage_low"] < level < rows.loc[level, "coverage_high"]
    wrong = ((plain["coverage_low"] > plain.index) | (plain["coverage_high"] < plain.index)).all()
    assert wrong == (factor != 1)


def test_intervals_hold_in_every_age_band_where_one_factor_holds_on_average():
    # the model believes in errors of 6 years everywhere; those of the young have 2, those of the old 10
    rng = np.random.default_rng(0)
    age = np.concatenate([rng.integers(30, 40, 1000), rng.integers(60, 70, 1000)])
    middle = age + np.where(age < 50, 2, 10) * rng.normal(size=2000)
    values, means = normal(middle, np.full(2000, 6.0))
    files = pd.Index([f"{n}.jpg" for n in range(2000)], name="file")
    table = empirical_coverage(predictions_table(age, means), pd.DataFrame(values, index=files, columns=AGES))
    held = table[(table["by"] == "age") & (table["level"] == 0.8)].set_index(["interval", "group"])["coverage"]
    assert held["cqr_m", "30-39"] > 0.95 and held["cqr_m", "60-69"] < 0.7
    assert held["label_conditional"].tolist() == pytest.approx([0.8, 0.8], abs=0.02)
    rows = over_all(table, "label_conditional")
    assert np.isnan(rows.loc[0.8, "correction"]) and rows.loc[0.8, "width"] < 2 * 10 * norm.ppf(0.9)


def test_a_band_of_few_faces_has_the_factor_of_all():
    age = np.append(np.full(99, 35.0), 65.0)
    middle = age - np.append(np.arange(99) / 10, 30)
    bounds = prediction_intervals.Bounds(middle - 1, middle, middle + 1)
    found = prediction_intervals.fit_correction("label_conditional", bounds, age[None], 0.8)
    assert found == pytest.approx([8.0] * 4 + [7.9] + [8.0] * 5)


def test_a_label_that_is_a_range_counts_as_ages_spread_over_it():
    # everybody is labelled 20-29 or 30-39; of 22.5 to 32.5 the middle 80 % are 23.5 to 31.5: 7 of 10 ages and 2 of 10
    files = pd.Index([f"{n}.jpg" for n in range(40)], name="file")
    low = np.repeat([20, 30], 20)
    labels = predictions_table(low + 4.5, np.full(40, 27.5)).assign(file=files, age_low=low, age_high=low + 9)
    values = np.zeros((40, 117))
    values[:, 23:33] = 0.1
    table = empirical_coverage(labels, pd.DataFrame(values, index=files, columns=AGES))
    own = table[(table["interval"] == "predicted") & (table["level"] == 0.8) & (table["by"] == "age")]
    assert own.set_index("group")["coverage"].to_dict() == pytest.approx({"20-29": 0.7, "30-39": 0.2})


def test_a_model_without_distribution_gets_one_width_for_all():
    predictions, _ = faces(count=800, spreads=(5.0, 5.0))
    table = empirical_coverage(predictions)
    assert set(table["interval"]) == {"absolute_residual"}
    row = over_all(table, "absolute_residual").loc[0.8]
    assert row["coverage"] == pytest.approx(0.8, abs=0.02)
    assert row["correction"] == pytest.approx(5 * norm.ppf(0.9), rel=0.08)
    assert row["width"] == pytest.approx(2 * row["correction"], rel=0.01)


def test_the_correction_never_sees_the_half_it_is_measured_on(monkeypatch):
    # every person seen twice: were the pair divided, the correction would have seen the very face it is measured on
    scores = np.arange(1.0, 20)
    assert [prediction_intervals.conformal_quantile(scores, level) for level in (0.8, 0.95, 0.96)] == [16, 19, np.inf]
    # few faces: only the guarantee's one more keeps the share from falling below what was asked for
    held = []
    for module, name, value in (
        (bootstrap, "RESAMPLES", 2), (prediction_intervals, "LEVELS", [0.9]), (prediction_intervals, "_SPLITS", 2)
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    for seed in range(150):
        predictions, distributions = faces(0.5, count=38, seed=seed)
        table = empirical_coverage(predictions, distributions)
        held.append(over_all(table, "cqr_m").loc[0.9, "coverage"])
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_the_spread_is_measured_against_the_error(factor):
    predictions, distributions = faces(factor)
    rows = age_dispersion(predictions, distributions).set_index("measure")
    assert rows.loc["spread_error_ratio", "value"] == pytest.approx(factor, rel=0.06)
    assert rows.loc["spread_error_ratio", "low"] < factor < rows.loc["spread_error_ratio", "high"]
    assert rows.loc["rank_correlation", "low"] > 0.2
    error = (predictions["age"] - predictions["age_predicted"]).abs()
    spread = standard_deviation(distributions.to_numpy(), AGES.astype(float))
    assert rows.loc["rank_correlation", "value"] == pytest.approx(spearmanr(spread, error).statistic)


def test_a_spread_that_knows_nothing_is_found_out():
    predictions, distributions = faces(informative=False)
    table = age_dispersion(predictions, distributions).set_index("measure")
    row = table.loc["rank_correlation"]
    assert row["low"] < 0 < row["high"] and row["high"] - row["low"] < 0.15
    table = age_risk_coverage(predictions, distributions)
    flat = table[table["coverage"] >= 0.3]
    assert ((flat["low"] < flat["random_rejection"]) & (flat["random_rejection"] < flat["high"])).all()
    assert flat["normalised_gain"].abs().max() < 0.1


def test_selective_prediction_gains_what_an_informative_spread_allows():
    predictions, distributions = faces()
    table = age_risk_coverage(predictions, distributions)
    table = table.set_index("coverage").loc[[1.0, 0.8, 0.5, 0.2]]
    error = np.abs(predictions["age"] - predictions["age_predicted"])
    random = table["random_rejection"]
    assert table["value"].iloc[0] == pytest.approx(error.mean()) == pytest.approx(random.iloc[0])
    assert (np.diff(table["value"]) < 0).all() and (table["value"] < random).iloc[1:].all()
    assert (table["oracle"] <= table["value"] + 1e-9).all()
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()
    assert table["high"].iloc[2] < random.iloc[2]
    # spreads lie evenly from 3 to 9: the surest half's mean error is that of spreads 3 to 6
    assert table["value"].iloc[2] == pytest.approx(4.5 * np.sqrt(2 / np.pi), rel=0.06)
    assert table["oracle"].iloc[2] == pytest.approx(np.sort(error)[:1000].mean())
    gain = table["normalised_gain"]
    assert gain.iloc[1:].between(0.1, 0.9).all() and np.isnan(gain.iloc[0])
    assert table["n"].tolist() == [2000, 1600, 1000, 400]


def test_gender_rejection_sorts_by_the_distance_from_one_half():
    predictions, _ = faces(count=1000)
    sure = np.arange(1000) % 2 == 0
    right = np.where(sure, True, np.arange(1000) % 4 == 1)
    # men and women alike
    female = np.arange(1000) % 10 < 5
    said = female == right
    predictions = predictions.assign(
        gender=female.astype(int), p_female=np.where(said, np.where(sure, 0.97, 0.6), np.where(sure, 0.03, 0.4))
    )
    table = gender_risk_coverage(predictions).set_index("coverage").loc[[1.0, 0.75, 0.5]]
    assert table["value"].tolist() == pytest.approx([0.75, 5 / 6, 1], abs=0.02)
    assert table["oracle"].tolist() == pytest.approx([0.75, 1, 1])
    assert table["measure"].eq("gender_accuracy").all()
    assert table[["random_rejection", "normalised_gain"]].iloc[2].tolist() == pytest.approx([0.75, 1])


def test_distributions_of_other_faces_or_models_are_refused():
    predictions, distributions = faces(count=40)
    with pytest.raises(InputError, match="have no age distribution"):
        empirical_coverage(predictions, distributions.iloc[1:])
    with pytest.raises(InputError, match="another model's"):
        age_dispersion(predictions.assign(age_predicted=20.0), distributions)
    # another order is no fault
    turned = age_dispersion(predictions, distributions.iloc[::-1])
    pd.testing.assert_frame_equal(turned, age_dispersion(predictions, distributions))
